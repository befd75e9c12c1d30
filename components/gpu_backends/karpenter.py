"""GPU pools that Karpenter makes nodes for."""

from __future__ import annotations

import pulumi

from codeopen.cluster.gpu_karpenter import karpenter_objects
from codeopen.cluster.gpu_pools import CheckedPool
from codeopen.cluster.gpu_settings import CloudSettings
from components.cluster_objects import declare


def declare_nodes(name: str, pool: CheckedPool, _cloud: CloudSettings, opts: pulumi.ResourceOptions) -> None:
    """The NodePool and its overlays; the node class is there already."""
    declare(karpenter_objects(pool), name, opts)
