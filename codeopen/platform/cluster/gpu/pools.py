"""GPU pools that have been found to be right: what the catalog says of each, and which pool a project goes to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from codeopen.environment.gpu_settings import CapacityType, GpuPool, SharingKind
from codeopen.errors import CapacityError
from codeopen.model.catalog.gpus import GpuModel, Gpus, Machine, NodePlatform
from codeopen.model.catalog.pool_platforms import POOL_PLATFORMS, PoolPlatform
from codeopen.model.selection.closest import closest
from codeopen.platform.capacity.allocatable import room
from codeopen.platform.capacity.amounts import Demand
from codeopen.platform.capacity.pool import Offer, PoolPlan, size_pool
from codeopen.platform.cluster.objects import GROUP
from codeopen.platform.cluster.workload.deployment import GpuPlacement

GPU: Final = "nvidia.com/gpu"
"""A whole GPU as a resource, and the key of the taint that keeps all others off."""

SHARED_GPU: Final = "nvidia.com/gpu.shared"
"""A turn on a GPU: the device plugin's name for what it has made several of."""

POOL_LABEL: Final = f"{GROUP}/pool"
OWNER_LABEL: Final = f"{GROUP}/owner"
TAINT: Final = MappingProxyType({"key": GPU, "value": "present", "effect": "NoSchedule"})

_NAME: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?", re.ASCII)
_LABEL_VALUE: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)
_MANAGED_DISK_GB: Final = 200  # images alone take tens of gigabytes


@dataclass(frozen=True, slots=True)
class CheckedPool:
    """A pool with its GPU model, its platform, and the machines that its nodes can be, the cheapest first."""

    pool: GpuPool
    model: GpuModel
    platform: NodePlatform
    machines: tuple[Machine, ...]

    @property
    def name(self) -> str:
        return self.pool.name

    @property
    def maker(self) -> PoolPlatform:
        """What makes its nodes."""
        return POOL_PLATFORMS[self.pool.platform]

    @property
    def per_gpu(self) -> int:
        """How many pods may hold one GPU."""
        sharing = self.pool.sharing
        if sharing.kind is SharingKind.TIME_SLICING:
            return sharing.replicas
        return self.model.mig[sharing.profile] if sharing.kind is SharingKind.MIG else 1

    @property
    def seats(self) -> int:
        """How many GPUs, turns or slices the whole pool may give away."""
        return self.pool.max_gpus * self.per_gpu

    @property
    def resource(self) -> str:
        """The name under which its nodes offer GPUs. A platform's own device plugin never renames them."""
        kind = self.pool.sharing.kind
        if kind is SharingKind.NONE or self.maker.has_device_plugin:
            return GPU
        return SHARED_GPU if kind is SharingKind.TIME_SLICING else f"nvidia.com/mig-{self.pool.sharing.profile}"

    @property
    def uniform(self) -> bool:
        """Whether all nodes are of one machine type, as in every managed node pool."""
        return self.maker.uniform

    @property
    def disk_gb(self) -> int:
        """The disk of a node; 0 where only the platform's default is known."""
        return self.pool.disk_gb or (_MANAGED_DISK_GB if self.uniform else 0)

    @property
    def labels(self) -> dict[str, str]:
        """Of its nodes, by which pods and the device plugin find them."""
        owner = {OWNER_LABEL: self.pool.owner} if self.pool.owner else {}
        return {
            POOL_LABEL: self.name,
            f"{GPU}.present": "true",
            f"{GPU}.product": self.model.product,
            **owner,
        }

    @property
    def taints(self) -> tuple[Mapping[str, str], ...]:
        """Of its nodes: nobody comes without claiming a GPU, and nobody else to what is one owner's."""
        taints: list[Mapping[str, str]] = [TAINT]
        if self.pool.owner:
            taints.append({"key": OWNER_LABEL, "value": self.pool.owner, "effect": "NoSchedule"})
        if self.maker.spot_taint and self.pool.capacity_type is CapacityType.SPOT:
            taints.append(self.maker.spot_taint)
        return tuple(taints)

    def offers(self) -> tuple[Offer, ...]:
        """Its machines as the sizing of pools sees them."""
        return tuple(
            Offer(machine.id, room(self.platform, machine, self.per_gpu, self.disk_gb), machine.millicents)
            for machine in self.machines
        )

    def size(self, demands: Iterable[Demand]) -> PoolPlan:
        """The nodes that it needs for some demands. Raises CapacityError."""
        return size_pool(demands, self.offers(), uniform=self.uniform)


def check_pools(pools: Sequence[GpuPool], gpus: Gpus) -> tuple[CheckedPool, ...]:
    """Pools with what the catalog says of them. Raises CapacityError with all that is wrong with all of them."""
    problems = [f"GPU pool {pool.name!r}: {problem}" for pool in pools for problem in _problems(pool, gpus)]
    names = [pool.name for pool in pools]
    twice = sorted({name for name in names if names.count(name) > 1})
    problems += [f"GPU pool {name!r}: declared twice; give each pool a name of its own" for name in twice]
    if problems:
        raise CapacityError("\n".join(problems))
    return tuple(_checked(pool, gpus) for pool in pools)


def choose_pool(pools: Iterable[CheckedPool], owner: str, gpus: int) -> CheckedPool:
    """The pool for a project: the first of its owner's own, or else the first for all. Raises CapacityError."""
    able = [
        pool
        for pool in pools
        if (pool.per_gpu == 1 or gpus == 1) and any(machine.gpus * pool.per_gpu >= gpus for machine in pool.machines)
    ]
    own = [pool for pool in able if owner and pool.pool.owner == owner]
    for pool in (*own, *(pool for pool in able if not pool.pool.owner)):
        return pool
    raise CapacityError(
        f"no GPU pool is open to owner {owner!r} with {gpus} GPUs on one node; add one to gpuPools of codeopen:cluster"
    )


def gpu_scheduling(checked: CheckedPool, gpus: int) -> GpuPlacement:
    """What a project's pod must say to run in a pool with some GPUs. Raises CapacityError."""
    if checked.per_gpu > 1 and gpus > 1:
        raise CapacityError(
            f"GPU pool {checked.name!r}: its GPUs are shared, so that a pod can have one part only, not {gpus}"
        )
    owner = checked.pool.owner
    expressions: list[dict[str, Any]] = [{"key": POOL_LABEL, "operator": "In", "values": [checked.name]}]
    if owner:
        expressions.append({"key": OWNER_LABEL, "operator": "In", "values": [owner]})
    term = {"nodeSelectorTerms": [{"matchExpressions": expressions}]}
    return GpuPlacement(
        pool=checked.name,
        resources={checked.resource: str(gpus)},
        tolerations=tuple({"operator": "Equal", **taint} for taint in checked.taints),
        affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term}},
        labels={POOL_LABEL: checked.name},
    )


def _checked(pool: GpuPool, gpus: Gpus) -> CheckedPool:
    platform = gpus.platforms[POOL_PLATFORMS[pool.platform].machines]
    machines = sorted(_machines(pool, platform), key=lambda machine: (machine.millicents, machine.id))
    return CheckedPool(pool, gpus.models[pool.model], platform, tuple(machines))


def _machines(pool: GpuPool, platform: NodePlatform) -> tuple[Machine, ...]:
    return tuple(
        machine
        for machine in platform.machines_with(pool.model)
        if pool.gpus_per_node in (0, machine.gpus)
        and machine.gpus <= pool.max_gpus
        and (not pool.machines or machine.id in pool.machines)
    )


def _problems(pool: GpuPool, gpus: Gpus) -> Iterator[str]:
    if _NAME.fullmatch(pool.name) is None:
        yield "the name must be 1 to 30 lower-case letters, digits and hyphens, starting with a letter; rename it"
    maker = POOL_PLATFORMS.get(pool.platform)
    if maker is None:
        yield f"there is no platform {pool.platform!r}; {closest(pool.platform, POOL_PLATFORMS)}"
        return
    if maker.longest_name and len(pool.name.replace("-", "")) > maker.longest_name:
        yield f"{maker.id.upper()} allows {maker.longest_name} letters and digits in a pool's name; shorten it"
    if pool.owner and _LABEL_VALUE.fullmatch(pool.owner) is None:
        yield f"owner {pool.owner!r} can't be a label; write letters, digits, dots, hyphens and underscores"
    if pool.disk_gb < 0:
        yield f"diskGb {pool.disk_gb} is no size; write gigabytes, or 0 for the default"
    if pool.max_gpus < 1:
        yield f"maxGpus {pool.max_gpus} leaves it empty; write 1 or more"
    platform = gpus.platforms.get(maker.machines)
    if platform is None:
        yield f"catalog/gpus.yaml has no platform {maker.machines}; add it"
    elif pool.model not in gpus.models:
        yield f"there is no GPU model {pool.model!r}; {closest(pool.model, sorted(gpus.models))}"
    else:
        yield from _problems_of_machines(pool, platform)
        yield from _problems_of_sharing(pool, gpus.models[pool.model])


def _problems_of_machines(pool: GpuPool, platform: NodePlatform) -> Iterator[str]:
    there = [machine.id for machine in platform.machines_with(pool.model)]
    unknown = [name for name in pool.machines if name not in there]
    for name in unknown:
        yield f"{platform.id} has no machine {name!r} with {pool.model}; {closest(name, there)}"
    if not unknown and pool.max_gpus > 0 and not _machines(pool, platform):
        yield (
            f"no machine of {platform.id} has {pool.gpus_per_node or 'some'} {pool.model} and {pool.max_gpus} at most; "
            "correct gpusPerNode, machines or maxGpus"
        )


def _problems_of_sharing(pool: GpuPool, model: GpuModel) -> Iterator[str]:
    sharing = pool.sharing
    if sharing.kind is SharingKind.TIME_SLICING:
        if sharing.replicas not in range(2, model.time_slicing + 1):
            yield f"replicas {sharing.replicas} is no number of turns; write 2 to {model.time_slicing}"
        if not pool.owner:
            yield "time-slicing puts no wall between those who share a GPU; name the one owner of the pool"
    elif sharing.kind is SharingKind.MIG:
        if sharing.profile not in model.mig:
            yield f"{model.id} has no MIG profile {sharing.profile!r}; take one of {', '.join(model.mig) or 'none'}"
        if not POOL_PLATFORMS[pool.platform].cuts_gpus:
            able = ", ".join(platform.id for platform in POOL_PLATFORMS.values() if platform.cuts_gpus)
            yield f"{pool.platform} does not cut GPUs into slices; use one of {able}, or share by time-slicing"
