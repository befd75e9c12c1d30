"""A pool of nodes with GPUs, on whatever makes a cluster's nodes."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Protocol

import pulumi

from codeopen.environment.gpu_settings import CloudSettings
from codeopen.platform.capacity.amounts import Demand
from codeopen.platform.capacity.report import report_pool, summary
from codeopen.platform.cluster.gpu.pools import CheckedPool
from codeopen.platform.cluster.gpu.seats import pool_quota
from components.cluster_objects import declare


@dataclass(frozen=True, slots=True)
class GpuNodePoolArgs:
    """``demands`` are those of the listed projects; no machine follows from them, since other stacks have more.

    ``cloud`` is where managed node pools go, as ``check_managed`` found it right.
    """

    pool: CheckedPool
    demands: tuple[Demand, ...] = ()
    cloud: CloudSettings = field(default_factory=CloudSettings)


class Backend(Protocol):
    """A module of ``components.gpu_backends``: it makes the nodes, from none on, and never more than the pool may."""

    def declare_nodes(
        self, name: str, pool: CheckedPool, cloud: CloudSettings, opts: pulumi.ResourceOptions
    ) -> None: ...


class GpuNodePool(pulumi.ComponentResource):
    """A pool's nodes, and the quota of seats that refuses a project too many at once.

    A preview says which nodes the listed projects take. A cloud's SDK is imported only where it's used.
    """

    machines: tuple[str, ...]

    def __init__(self, name: str, args: GpuNodePoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeopen:kubernetes:GpuNodePool", name, {}, opts)
        pool = args.pool
        self.machines = tuple(machine.id for machine in pool.machines)
        if args.demands:
            report = report_pool(f"GPU pool {pool.name}", args.demands, pool.offers(), pool.size(args.demands))
            pulumi.log.info(summary(report), resource=self)
        child = pulumi.ResourceOptions(parent=self)
        declare(pool_quota(pool), name, child)
        backend: Backend = importlib.import_module(f"components.gpu_backends.{pool.maker.id}")
        backend.declare_nodes(name, pool, args.cloud, child)
        self.register_outputs({"machines": list(self.machines), "seats": pool.seats})
