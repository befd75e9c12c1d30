"""What makes the nodes of a GPU pool: one record for each platform, and nowhere else.

To add a platform, write its record here, its backend as a module of ``components.gpu_backends``, and its machines and
prices in ``catalog/gpus.yaml``.

Sources of what kubelets keep, read in November 2026. EKS: ``nodeadm`` in awslabs/amazon-eks-ami
(internal/kubelet/config.go). GKE: the page "Plan GKE Standard node sizes". AKS: the page "Node resource reservations",
for Kubernetes 1.29 and later. What is kept free of disks: Kubernetes, "Node-pressure Eviction", ``nodefs.available``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

MI: Final = 1 << 20
GI: Final = 1 << 30
KARPENTER: Final = "karpenter"
"""Makes nodes from objects of the cluster itself; all others, from those of their cloud."""

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


@dataclass(frozen=True, slots=True)
class NodeSize:
    """Of a node: thousandths of a core, bytes of memory, pods, bytes of disk."""

    cpu: int = 0
    memory: int = 0
    pods: int = 0
    disk: int = 0


@dataclass(frozen=True, slots=True)
class PoolPlatform:
    """What is particular to one platform.

    - ``id``: its name in ``gpuPools``, and that of its backend's module.
    - ``kept``: what its kubelet keeps of a node, the eviction threshold included.
    - ``machines``: the platform in ``catalog/gpus.yaml`` whose machines its nodes are.
    - ``needs``: the fields of ``codeopen:cluster.cloud`` that it can't do without.
    - ``uniform``: all nodes of a pool are of one machine type.
    - ``cuts_gpus``: it cuts GPUs into slices (MIG) when it makes a node; elsewhere the node image would have to.
    - ``has_device_plugin``: it runs a device plugin of its own, which never renames GPUs that are shared.
    - ``spot_taint``: what it puts on spot nodes whatever it is told.
    - ``longest_name``: letters and digits in a pool's name; 0 where it sets no limit.
    """

    id: str
    kept: Callable[[NodeSize], NodeSize]
    machines: str
    needs: tuple[str, ...] = ()
    uniform: bool = True
    cuts_gpus: bool = False
    has_device_plugin: bool = False
    spot_taint: Mapping[str, str] | None = None
    longest_name: int = 0


def _eks(node: NodeSize) -> NodeSize:
    return NodeSize(_climb(node.cpu, _CPU), (255 + 11 * node.pods) * MI + EVICTION, disk=GI + _evicted(node))


def _gke(node: NodeSize) -> NodeSize:
    memory = _climb(node.memory, _GKE_MEMORY) + EVICTION
    disk = min(node.disk // 2, 6 * GI + node.disk * 35 // 100, 100 * GI)
    return NodeSize(_climb(node.cpu, _CPU), memory, disk=disk + _evicted(node))


def _aks(node: NodeSize) -> NodeSize:
    """Its table of CPU goes on as it does between the rows: 40m for a second core, 20m for each of two, then 10m."""
    memory = min((20 * node.pods + 50) * _MEGABYTE, node.memory // 4)
    return NodeSize(_climb(node.cpu, _AKS_CPU), memory + EVICTION, disk=_evicted(node))


def _evicted(node: NodeSize) -> int:
    return -(-node.disk * DISK_EVICTION // 1000)


def _climb(amount: int, ladder: _Ladder) -> int:
    kept = 0
    for step, share in ladder:
        part = amount if step is None else min(amount, step)
        kept += part * share
        amount -= part
    return -(-kept // 10_000)


_ALL: Final = (
    PoolPlatform(KARPENTER, _eks, machines="eks", uniform=False),
    PoolPlatform("eks", _eks, machines="eks", needs=("name", "node_role", "subnets")),
    PoolPlatform("gke", _gke, machines="gke", needs=("name", "location"), cuts_gpus=True, has_device_plugin=True),
    PoolPlatform(
        "aks",
        _aks,
        machines="aks",
        needs=("name", "group"),
        cuts_gpus=True,
        spot_taint=MappingProxyType(
            {"key": "kubernetes.azure.com/scalesetpriority", "value": "spot", "effect": "NoSchedule"}
        ),
        longest_name=12,
    ),
)
POOL_PLATFORMS: Final[Mapping[str, PoolPlatform]] = MappingProxyType({platform.id: platform for platform in _ALL})


def machine_platforms() -> tuple[str, ...]:
    """The platforms that ``catalog/gpus.yaml`` may have machines of."""
    return tuple(dict.fromkeys(platform.machines for platform in POOL_PLATFORMS.values()))
