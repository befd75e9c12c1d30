"""GPU pools as a stack's configuration declares them (``codeopen:cluster``, key ``gpuPools``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class PoolPlatform(StrEnum):
    """What makes the pool's nodes."""

    KARPENTER = "karpenter"
    EKS = "eks"
    GKE = "gke"
    AKS = "aks"


class SharingKind(StrEnum):
    """How a GPU is shared: not; by turns, without any wall between those who take them; or in isolated slices."""

    NONE = "none"
    TIME_SLICING = "time-slicing"
    MIG = "mig"


class CapacityType(StrEnum):
    """Whether nodes may be taken away at any time for being cheaper. A workspace that runs there ends with its node."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"


@dataclass(frozen=True, slots=True)
class GpuSharing:
    """``replicas`` are the turns of time-slicing; ``profile`` is that of MIG, as ``1g.5gb``."""

    kind: SharingKind = SharingKind.NONE
    replicas: int = 0
    profile: str = ""


@dataclass(frozen=True, slots=True)
class NodeClass:
    """Karpenter's node class, which says how a node is made; it belongs to whoever runs the cluster."""

    group: str = "karpenter.k8s.aws"
    kind: str = "EC2NodeClass"
    name: str = "default"


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """The cluster as its cloud knows it, for managed node pools; Karpenter's need nothing of it.

    EKS needs ``name``, ``node_role`` (an ARN) and ``subnets``; GKE ``name`` and ``location`` (a region or zone); AKS
    ``name`` and ``group`` (the resource group). What else there is: on EKS a ``location`` that is not the provider's
    region; on GKE a ``group`` that is not its project, and a service account as ``node_role``; on AKS one of
    ``subnets``. ``tags`` are for what the cloud bills: on GKE labels of nodes.
    """

    name: str = ""
    location: str = ""
    group: str = ""
    node_role: str = ""
    subnets: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class GpuPool:
    """One pool of nodes with GPUs of one model. It has no node until a project asks for a GPU.

    ``max_gpus`` counts whole GPUs. ``owner`` keeps the pool to the projects of one owner, and must be given where turns
    are taken on a GPU. ``machines`` are ids of the catalog's: a managed pool names one; Karpenter takes the
    cheapest for a pod, of all where none is named. ``gpus_per_node`` (0: any) narrows these. ``empty_after`` is how
    long a node stays that nobody uses.

    ``disk_gb`` is the disk of a node. Managed pools are made with it, or with 200; Karpenter's node class decides by
    itself, and this tells the capacity plan what (0: the platform's default).
    """

    name: str
    platform: PoolPlatform
    model: str
    max_gpus: int
    sharing: GpuSharing = field(default_factory=GpuSharing)
    owner: str = ""
    machines: tuple[str, ...] = ()
    gpus_per_node: int = 0
    capacity_type: CapacityType = CapacityType.ON_DEMAND
    zones: tuple[str, ...] = ()
    node_class: NodeClass = field(default_factory=NodeClass)
    weight: int = 10
    empty_after: str = "10m"
    disk_gb: int = 0
