"""GPU pools as a stack's configuration declares them (``codeopen:cluster``, key ``gpuPools``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


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
    """How the pool's GPUs are shared.

    - ``replicas``: how many projects take turns on a GPU, with ``time-slicing``.
    - ``profile``: the MIG profile, e.g. ``1g.5gb``.
    """

    kind: SharingKind = SharingKind.NONE
    replicas: int = 0
    profile: str = ""


@dataclass(frozen=True, slots=True)
class NodeClass:
    """Karpenter's node class, which says how a node is made. You own it; the platform doesn't make it."""

    group: str = "karpenter.k8s.aws"
    kind: str = "EC2NodeClass"
    name: str = "default"


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """The cluster as its cloud knows it. Only managed node pools need it; Karpenter's don't.

    - ``node_role``: an ARN on EKS, a service account on GKE.
    - ``location``: a region or zone. On EKS, set it if it isn't the provider's region.
    - ``group``: the resource group on AKS. On GKE, set it if it is not the provider's project.
    - ``subnets``: those of EKS. AKS may have one.
    - ``tags``: for the cloud's bill. On GKE they are labels of nodes.
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

    - ``platform``: what makes its nodes, e.g. ``karpenter``.
    - ``max_gpus``: counts whole GPUs.
    - ``owner``: reserves the pool for the projects of one owner. Time-slicing requires it.
    - ``machines``: ids of ``catalog/gpus.yaml``. A managed pool must name one. Karpenter takes the cheapest for a pod:
      of those, or of all. ``gpus_per_node`` (0: any) narrows the choice.
    - ``empty_after``: how long an unused node stays.
    - ``disk_gb``: disk of a node. Managed pools are made with it (0: 200). Karpenter's node class decides by itself,
      and this only tells the capacity plan (0: the platform's default).
    """

    name: str
    platform: str
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
