"""What GPU pools need that are managed node pools of a cloud: their cluster, and one machine type for ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from codeopen.environment.gpu_settings import CloudSettings
from codeopen.environment.read_cluster import camel_case
from codeopen.errors import SettingsError
from codeopen.platform.cluster.gpu.pools import CheckedPool


def check_managed(pools: Iterable[CheckedPool], cloud: CloudSettings) -> None:
    """Raises SettingsError with all keys that managed pools lack."""
    problems = [problem for pool in pools for problem in _problems(pool, cloud)]
    if problems:
        raise SettingsError("\n".join(problems))


def names_its_machine(pool: CheckedPool) -> bool:
    """Whether a pool of one machine type says which. No demand decides it: a project more would replace all nodes."""
    return not pool.uniform or len(pool.pool.machines) == 1


def _problems(pool: CheckedPool, cloud: CloudSettings) -> Iterator[str]:
    platform = pool.pool.platform
    for field in pool.maker.needs:
        if not getattr(cloud, field):
            key = f"codeopen:cluster.cloud.{camel_case(field)}"
            yield f"{key} is missing; write it, since GPU pool {pool.name!r} is a node pool of {platform}"
    if not names_its_machine(pool):
        yield (
            f"codeopen:cluster.gpuPools: pool {pool.name!r} must name exactly one of its machines, since all nodes of "
            f"{platform} are of one type; let `codeopen plan capacity` compute it, and write it as `machines: [NAME]`"
        )
