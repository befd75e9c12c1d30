"""What pods can have of a node."""

from __future__ import annotations

from codeopen.model.catalog.gpus import Machine, NodePlatform
from codeopen.model.catalog.pool_platforms import GI, MI, POOL_PLATFORMS, NodeSize
from codeopen.platform.capacity.amounts import Capacity, Dimension


def allocatable(platform: NodePlatform, machine: Machine, per_gpu: int = 1, disk_gb: int = 0) -> Capacity:
    """What a node of a machine type says is allocatable.

    That is the machine without what its hypervisor and kernel keep, and without what the kubelet does. ``per_gpu`` is
    how many pods may hold one GPU: the turns or slices that the device plugin makes of it. ``disk_gb`` (0: what the
    platform gives) is the node's disk in binary gigabytes, as all clouds count it.
    """
    memory = machine.memory.bytes * (1000 - platform.memory_overhead) // 1000 // MI * MI
    disk = disk_gb * GI if disk_gb else platform.node_disk.bytes
    node = Capacity(machine.cpu.millicores, memory, machine.gpus * per_gpu, machine.pods, disk)
    # What is kept of a disk counts from the whole disk, unlike memory's.
    unseen = Capacity(disk=-(-disk * platform.disk_overhead // 1000))
    return _not_below_zero(node - unseen - reserved(platform.id, node))


def room(platform: NodePlatform, machine: Machine, per_gpu: int = 1, disk_gb: int = 0) -> Capacity:
    """What is left for projects: the allocatable capacity without the platform's own pods."""
    system = platform.system_pods
    own = Capacity(system.cpu.millicores, system.memory.bytes, 0, system.pods)
    return _not_below_zero(allocatable(platform, machine, per_gpu, disk_gb) - own)


def reserved(platform: str, node: Capacity) -> Capacity:
    """What a platform's kubelet keeps of what the node reports, its eviction threshold included."""
    kept = POOL_PLATFORMS[platform].kept(NodeSize(node.cpu, node.memory, node.pods, node.disk))
    return Capacity(kept.cpu, kept.memory, 0, kept.pods, kept.disk)


def _not_below_zero(capacity: Capacity) -> Capacity:
    return Capacity(*(max(0, capacity.of(each)) for each in Dimension))
