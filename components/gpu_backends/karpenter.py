"""GPU pools that Karpenter makes nodes for."""

from __future__ import annotations

import pulumi

from codeopen.cluster.gpu_karpenter import karpenter_objects
from codeopen.cluster.gpu_pools import CheckedPool
from components.cluster_objects import declare
from components.gpu_node_pool import CloudCluster


def declare_nodes(name: str, pool: CheckedPool, _cluster: CloudCluster | None, opts: pulumi.ResourceOptions) -> None:
    """The NodePool and its overlays; the node class is there already."""
    declare(karpenter_objects(pool), name, opts)
