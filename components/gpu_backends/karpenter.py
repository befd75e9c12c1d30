"""GPU pools that Karpenter makes nodes for."""

from __future__ import annotations

import pulumi

from codeopen.environment.gpu_settings import CloudSettings
from codeopen.platform.cluster.gpu.karpenter import karpenter_objects
from codeopen.platform.cluster.gpu.pools import CheckedPool
from components.cluster_objects import declare


def declare_nodes(name: str, pool: CheckedPool, _cloud: CloudSettings, opts: pulumi.ResourceOptions) -> None:
    """The NodePool and its overlays; the node class is there already."""
    declare(karpenter_objects(pool), name, opts)
