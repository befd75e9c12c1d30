"""A pool of nodes with GPUs, on whatever makes a cluster's nodes."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol

import pulumi

from codeopen.capacity.amounts import Demand
from codeopen.capacity.report import report_pool, summary
from codeopen.cluster.gpu_pools import CheckedPool, narrowed
from codeopen.cluster.gpu_seats import pool_quota
from codeopen.cluster.gpu_settings import PoolPlatform
from components.cluster_objects import declare


@dataclass(frozen=True, slots=True)
class CloudCluster:
    """Where a cloud's managed node pools go; Karpenter needs nothing of it.

    ``location`` is a region or zone (GKE), ``resource_group`` that of the cluster (AKS), ``node_role`` the role that
    nodes take (EKS: an ARN; GKE: a service account), ``subnets`` where they stand (EKS: at least one; AKS: one).
    """

    name: pulumi.Input[str]
    location: pulumi.Input[str] = ""
    resource_group: pulumi.Input[str] = ""
    node_role: pulumi.Input[str] = ""
    subnets: tuple[pulumi.Input[str], ...] = ()
    disk_gb: int = 200
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class GpuNodePoolArgs:
    """``demands`` are those of the pool's projects: they decide which machines it is made of."""

    pool: CheckedPool
    demands: tuple[Demand, ...] = ()
    cluster: CloudCluster | None = None


class Backend(Protocol):
    """A module of ``components.gpu_backends``: it makes the nodes, from none on, and never more than the pool may."""

    def declare_nodes(
        self, name: str, pool: CheckedPool, cluster: CloudCluster | None, opts: pulumi.ResourceOptions
    ) -> None: ...


_BACKENDS: Final = MappingProxyType({platform: f"components.gpu_backends.{platform}" for platform in PoolPlatform})


class GpuNodePool(pulumi.ComponentResource):
    """A pool's nodes, and the quota of seats that refuses a project too many at once.

    The nodes' machines follow from the demands, and a preview says how. A cloud's SDK is imported only where it's used.
    """

    machines: tuple[str, ...]

    def __init__(self, name: str, args: GpuNodePoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeopen:kubernetes:GpuNodePool", name, {}, opts)
        pool = narrowed(args.pool, args.demands)
        self.machines = tuple(machine.id for machine in pool.machines)
        if args.demands:
            plan = args.pool.size(args.demands)
            report = report_pool(f"GPU pool {pool.name}", args.demands, args.pool.offers(), plan)
            pulumi.log.info(summary(report), resource=self)
        child = pulumi.ResourceOptions(parent=self)
        declare(pool_quota(pool), name, child)
        backend: Backend = importlib.import_module(_BACKENDS[pool.pool.platform])
        backend.declare_nodes(name, pool, args.cluster, child)
        self.register_outputs({"machines": list(self.machines), "seats": pool.seats})
