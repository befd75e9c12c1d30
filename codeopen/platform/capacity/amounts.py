"""Amounts of everything that a scheduler counts, and how often one fits in another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from codeopen.model.quantity import Memory
from codeopen.model.selection.selection import Resources


class Dimension(StrEnum):
    """What can run out on a node, in the order of Capacity's fields."""

    CPU = "cpu"
    MEMORY = "memory"
    GPU = "gpu"
    PODS = "pods"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class Capacity:
    """Thousandths of a core, bytes of memory, GPUs (or turns on one), pods, bytes of disk: of a node, or of a pod.

    The disk is the node's own, which Kubernetes calls ephemeral storage; claims are elsewhere.
    """

    cpu: int = 0
    memory: int = 0
    gpus: int = 0
    pods: int = 0
    disk: int = 0

    def __add__(self, other: Capacity) -> Capacity:
        return Capacity(
            self.cpu + other.cpu,
            self.memory + other.memory,
            self.gpus + other.gpus,
            self.pods + other.pods,
            self.disk + other.disk,
        )

    def __sub__(self, other: Capacity) -> Capacity:
        return Capacity(
            self.cpu - other.cpu,
            self.memory - other.memory,
            self.gpus - other.gpus,
            self.pods - other.pods,
            self.disk - other.disk,
        )

    def of(self, dimension: Dimension) -> int:
        """The amount in one dimension."""
        return {
            Dimension.CPU: self.cpu,
            Dimension.MEMORY: self.memory,
            Dimension.GPU: self.gpus,
            Dimension.PODS: self.pods,
            Dimension.DISK: self.disk,
        }[dimension]

    def holds(self, demand: Capacity) -> bool:
        """Whether there is enough of everything."""
        return (
            self.cpu >= demand.cpu
            and self.memory >= demand.memory
            and self.gpus >= demand.gpus
            and self.pods >= demand.pods
            and self.disk >= demand.disk
        )


@dataclass(frozen=True, slots=True)
class Demand:
    """What one pod asks of a node. ``group`` is what pods of the same size are called, as ``creator + gpu``."""

    name: str
    group: str
    capacity: Capacity


def requests_of(resources: Resources, scratch: Memory) -> Capacity:
    """What a project's pod asks of its node: its whole CPU, the memory that it is promised, GPUs, and its scratch."""
    return Capacity(resources.cpu.millicores, resources.memory_reservation.bytes, resources.gpus, 1, scratch.bytes)


def fits(capacity: Capacity, demand: Capacity) -> int:
    """How many of the same demand fit in a capacity. A demand of nothing counts as none."""
    return min((capacity.of(each) // demand.of(each) for each in Dimension if demand.of(each)), default=0)


def binding(capacity: Capacity, demand: Capacity) -> Dimension:
    """What would run out first if the same demand came again and again."""
    asked = [each for each in Dimension if demand.of(each)]
    return min(asked, key=lambda each: (capacity.of(each) // demand.of(each), capacity.of(each) / demand.of(each)))


def total(demands: Iterable[Capacity]) -> Capacity:
    """The sum of several."""
    return sum(demands, Capacity())
