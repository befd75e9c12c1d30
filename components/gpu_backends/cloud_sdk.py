"""The SDKs of clouds, which are not installed unless a stack asks for them."""

from __future__ import annotations

import importlib
from typing import Any

from codeopen.errors import CapacityError, CloudSdkError
from components.gpu_node_pool import CloudCluster


def import_sdk(package: str, extra: str) -> Any:
    """A cloud's SDK, as ``pulumi_gcp``. Raises CloudSdkError where it isn't installed."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise CloudSdkError(
            f"GPU pools on {extra} need the package {package}, which is not installed; run "
            f"`pip install 'codeopen-containers[{extra}]'`"
        ) from None


def cluster_of(pool: str, cluster: CloudCluster | None) -> CloudCluster:
    """The cluster of a managed node pool. Raises CapacityError without one."""
    if cluster is None:
        raise CapacityError(f"GPU pool {pool!r}: a managed node pool needs its cluster; give GpuNodePoolArgs.cluster")
    return cluster
