"""All objects of a cluster's stack, from its settings and the plan: what is applied, and what is rendered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from codeopen.environment.cluster_settings import ClusterSettings
from codeopen.model.catalog.model import Catalog
from codeopen.model.plan.parts import BASE
from codeopen.model.plan.plan import BuildPlan, PlannedCombination
from codeopen.platform.cluster.gpu.admission import gpu_admission_objects
from codeopen.platform.cluster.gpu.device_plugin import device_plugin_objects
from codeopen.platform.cluster.gpu.pools import CheckedPool
from codeopen.platform.cluster.objects import Object, Reference
from codeopen.platform.cluster.platform_objects import PlatformImages, platform_objects
from codeopen.platform.cluster.warm_up.images import DEFAULT_POOL, WarmPool, warm_images


def platform_of(
    settings: ClusterSettings,
    catalog: Catalog,
    plan: BuildPlan,
    combinations: Iterable[PlannedCombination],
    pools: Sequence[CheckedPool],
) -> tuple[Object, ...]:
    """What the cluster has once for all projects, but the nodes of GPU pools. Raises SettingsError."""
    (base,) = (planned for planned in plan.parts if planned.part.id == BASE)
    images = PlatformImages(
        registry=_pinned(catalog, "registry"),
        buildkit=_pinned(catalog, "buildkit-rootless"),
        base=Reference(str(BASE), base.reference),
        platform=plan.platforms[0],
    )
    gpus = (*gpu_admission_objects(), *device_plugin_objects(pools))
    warmed = (DEFAULT_POOL, *(_warm_pool(pool) for pool in pools))
    return platform_objects(settings, images, warm_images(catalog, combinations), warmed, gpus)


def _warm_pool(pool: CheckedPool) -> WarmPool:
    tolerations = tuple({"operator": "Equal", **taint} for taint in pool.taints)
    return WarmPool(pool.name, pool.labels, tolerations, gpu=True)


def _pinned(catalog: Catalog, upstream: str) -> str:
    known = catalog.upstreams[upstream]
    return f"{known.reference}@{known.digest}"
