"""GPU pools for tests, checked against the real catalog."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from codeopen.environment.gpu_settings import GpuPool, GpuSharing, SharingKind
from codeopen.model.catalog.gpus import Gpus
from codeopen.model.catalog.read import read_catalog
from codeopen.platform.cluster.gpu.pools import CheckedPool, check_pools
from tests.unit.model.catalog.copies import REAL

TURNS = GpuSharing(SharingKind.TIME_SLICING, replicas=4)


@lru_cache(maxsize=1)
def real_gpus() -> Gpus:
    return read_catalog(REAL).gpus


def pool(**fields: Any) -> GpuPool:
    return GpuPool(**{"name": "t4", "platform": "karpenter", "model": "nvidia-t4", "max_gpus": 4, **fields})


def exclusive(**fields: Any) -> CheckedPool:
    """A pool whose GPUs go to one pod each."""
    (checked,) = check_pools([pool(**fields)], real_gpus())
    return checked


def shared(**fields: Any) -> CheckedPool:
    """A pool of one owner, on whose GPUs four pods take turns."""
    return exclusive(**{"name": "turns", "owner": "anna", "sharing": TURNS, **fields})


def sliced(**fields: Any) -> CheckedPool:
    """A pool whose GPUs are cut into seven slices."""
    cut = GpuSharing(SharingKind.MIG, profile="1g.5gb")
    return exclusive(**{"name": "slices", "platform": "gke", "model": "nvidia-a100-40gb", "sharing": cut, **fields})
