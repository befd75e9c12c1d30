"""What the platforms' kubelets keep for themselves on a node.

Sources, read in November 2026. EKS: ``nodeadm`` in awslabs/amazon-eks-ami (internal/kubelet/config.go). GKE: the page
"Plan GKE Standard node sizes". AKS: the page "Node resource reservations", for Kubernetes 1.29 and later. What is kept
free of disks: Kubernetes, "Node-pressure Eviction", ``nodefs.available``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from codeopen.platform.capacity.amounts import Capacity

MI: Final = 1 << 20
GI: Final = 1 << 30
EVICTION: Final = 100 * MI
"""All three evict pods when less memory is free than that."""

DISK_EVICTION: Final = 100
"""And when less of the disk is free than so many thousandths."""

_MEGABYTE: Final = 10**6
_CORE: Final = 1000
# Steps of a ladder: so much of an amount, and how many per ten thousand of it are kept; the last step has no end.
_Ladder = tuple[tuple[int | None, int], ...]
_CPU: Final[_Ladder] = ((_CORE, 600), (_CORE, 100), (2 * _CORE, 50), (None, 25))
_AKS_CPU: Final[_Ladder] = ((_CORE, 600), (_CORE, 400), (2 * _CORE, 200), (None, 100))
_GKE_MEMORY: Final[_Ladder] = ((4 * GI, 2500), (4 * GI, 2000), (8 * GI, 1000), (112 * GI, 600), (None, 200))


def reserved(platform: str, node: Capacity) -> Capacity:
    """What a platform's kubelet keeps of what the node reports, its eviction threshold included."""
    return _RESERVED[platform](node)


def _eks(node: Capacity) -> Capacity:
    return Capacity(_climb(node.cpu, _CPU), (255 + 11 * node.pods) * MI + EVICTION, disk=GI + _evicted(node))


def _gke(node: Capacity) -> Capacity:
    memory = _climb(node.memory, _GKE_MEMORY) + EVICTION
    disk = min(node.disk // 2, 6 * GI + node.disk * 35 // 100, 100 * GI)
    return Capacity(_climb(node.cpu, _CPU), memory, disk=disk + _evicted(node))


def _aks(node: Capacity) -> Capacity:
    """Its table of CPU goes on as it does between the rows: 40m for a second core, 20m for each of two, then 10m."""
    memory = min((20 * node.pods + 50) * _MEGABYTE, node.memory // 4)
    return Capacity(_climb(node.cpu, _AKS_CPU), memory + EVICTION, disk=_evicted(node))


def _evicted(node: Capacity) -> int:
    return -(-node.disk * DISK_EVICTION // 1000)


def _climb(amount: int, ladder: _Ladder) -> int:
    kept = 0
    for step, share in ladder:
        part = amount if step is None else min(amount, step)
        kept += part * share
        amount -= part
    return -(-kept // 10_000)


_RESERVED: Final[Mapping[str, Callable[[Capacity], Capacity]]] = MappingProxyType(
    {"eks": _eks, "gke": _gke, "aks": _aks}
)
