"""The pools of a cluster with the nodes that its projects need: one of ordinary nodes, and those with GPUs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from codeopen.environment.cluster_settings import ClusterSettings
from codeopen.errors import CapacityError, QuantityError, SettingsError
from codeopen.model.catalog.gpus import Gpus, NodePlatform
from codeopen.model.plan.projects import PlannedProject
from codeopen.model.quantity import Memory
from codeopen.platform.capacity.allocatable import room
from codeopen.platform.capacity.amounts import Demand
from codeopen.platform.capacity.pool import Offer, size_pool
from codeopen.platform.capacity.projects import demands_of
from codeopen.platform.capacity.report import PoolReport, report_pool
from codeopen.platform.cluster.gpu.pools import CheckedPool, choose_pool

ORDINARY = "ordinary"


def plan_pools(
    projects: Sequence[PlannedProject],
    platform: NodePlatform,
    pools: Sequence[CheckedPool],
    gpus: Gpus,
    cluster: ClusterSettings,
) -> tuple[PoolReport, ...]:
    """The ordinary pool, then each declared GPU pool. Raises CapacityError or SettingsError.

    Where no GPU pool is declared and a project wants a GPU, one is assumed, of the model that costs least.
    """
    ordinary = [each for each in projects if not each.resolution.resources.gpus]
    with_gpu = [each for each in projects if each.resolution.resources.gpus]
    scratch = scratch_of(cluster)
    reports = [_report(ORDINARY, demands_of(ordinary, scratch), _offers(platform, "", cluster.node_disk_gb))]
    if pools:
        reports.extend(_declared(with_gpu, pools, scratch))
    elif with_gpu:
        reports.append(_assumed(demands_of(with_gpu, scratch), platform, gpus, cluster.node_disk_gb))
    return tuple(reports)


def scratch_of(cluster: ClusterSettings) -> Memory:
    """The disk that each project's pod asks of its node. Raises SettingsError."""
    try:
        return Memory.parse(cluster.scratch)
    except QuantityError:
        raise SettingsError(
            f"codeopen:cluster.scratch: {cluster.scratch!r} is no size; write a whole number and Mi, Gi or Ti, as 10Gi"
        ) from None


def pool_demands(
    projects: Iterable[PlannedProject], pools: Sequence[CheckedPool], scratch: Memory
) -> dict[str, tuple[Demand, ...]]:
    """What is demanded of each pool, by its name.

    Raises CapacityError for a project that no pool is open to, and for projects that want more than a pool may give.
    """
    placed: dict[str, list[PlannedProject]] = {pool.name: [] for pool in pools}
    for each in projects:
        gpus = each.resolution.resources.gpus
        if gpus:
            placed[choose_pool(pools, each.project.owner, gpus).name].append(each)
    demands = {name: demands_of(members, scratch) for name, members in placed.items()}
    for pool in pools:
        wanted = sum(demand.capacity.gpus for demand in demands[pool.name])
        if wanted > pool.seats:
            raise CapacityError(
                f"GPU pool {pool.name!r}: its projects want {wanted} GPUs, turns or slices, and it has {pool.seats}; "
                "raise maxGpus, or hibernate some"
            )
    return demands


def _declared(
    projects: Sequence[PlannedProject], pools: Sequence[CheckedPool], scratch: Memory
) -> Iterator[PoolReport]:
    demands = pool_demands(projects, pools, scratch)
    for pool in pools:
        plan = pool.size(demands[pool.name])
        yield report_pool(f"gpu {pool.name}", demands[pool.name], pool.offers(), plan)


def _assumed(demands: tuple[Demand, ...], platform: NodePlatform, gpus: Gpus, disk_gb: int) -> PoolReport:
    reports = []
    refused = CapacityError(f"catalog/gpus.yaml has no machine with a GPU for {platform.id}; add one")
    for model in gpus.models:
        offers = _offers(platform, model, disk_gb)
        if offers:
            try:
                reports.append(_report(f"gpu {model} (no pool is declared)", demands, offers))
            except CapacityError as error:
                refused = error
    if not reports:
        raise refused
    return min(reports, key=lambda report: (report.plan.millicents, report.name))


def _report(name: str, demands: tuple[Demand, ...], offers: tuple[Offer, ...]) -> PoolReport:
    return report_pool(name, demands, offers, size_pool(demands, offers))


def _offers(platform: NodePlatform, model: str, disk_gb: int) -> tuple[Offer, ...]:
    return tuple(
        Offer(machine.id, room(platform, machine, disk_gb=disk_gb), machine.millicents)
        for machine in platform.machines_with(model)
    )
