"""GPU models and the machines that node pools are made of, as frozen values (catalog file ``gpus.yaml``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from codeopen.model.quantity import Cpu, Memory


@dataclass(frozen=True, slots=True)
class GpuModel:
    """A model of GPU, and how one may be shared.

    ``time_slicing`` is the most pods that may take turns on one (1: none); ``mig`` how many slices of each profile one
    can be cut into. ``product`` is the value of the node label ``nvidia.com/gpu.product``.
    """

    id: str
    name: str
    description: str
    memory: Memory
    product: str
    time_slicing: int
    mig: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine type. ``machine`` is the platform's own name; ``model`` is empty where there are no GPUs.

    The price is the list price an hour, in thousandths of a US cent.
    """

    id: str
    machine: str
    cpu: Cpu
    memory: Memory
    gpus: int
    model: str
    pods: int
    millicents: int


@dataclass(frozen=True, slots=True)
class SystemPods:
    """What a platform's own DaemonSets request on every node."""

    cpu: Cpu
    memory: Memory
    pods: int


@dataclass(frozen=True, slots=True)
class NodePlatform:
    """A managed Kubernetes, as ``eks`` (by Karpenter too).

    ``memory_overhead`` are the thousandths of a machine's memory that never show in its node; ``accelerators`` are the
    platform's names of the GPU models. ``node_disk`` is what a node gets where nobody asks for another disk, of which
    ``disk_overhead`` thousandths never show.
    """

    id: str
    name: str
    region: str
    as_of: str
    memory_overhead: int
    node_disk: Memory
    disk_overhead: int
    system_pods: SystemPods
    accelerators: Mapping[str, str]
    machines: Mapping[str, Machine]

    def machines_with(self, model: str) -> tuple[Machine, ...]:
        """Machines with GPUs of a model, or those without any for an empty name; in the catalog's order."""
        return tuple(machine for machine in self.machines.values() if machine.model == model)


@dataclass(frozen=True, slots=True)
class Gpus:
    """All GPU models and platforms by id, in the order of the file."""

    models: Mapping[str, GpuModel] = field(default_factory=lambda: MappingProxyType({}))
    platforms: Mapping[str, NodePlatform] = field(default_factory=lambda: MappingProxyType({}))
