"""GPU pools as node pools of AKS, scaled by its cluster autoscaler."""

from __future__ import annotations

import pulumi

from codeopen.environment.gpu_settings import CapacityType, CloudSettings, SharingKind
from codeopen.platform.cluster.gpu.pools import CheckedPool
from components.cloud_sdk import import_sdk


def declare_nodes(name: str, pool: CheckedPool, cloud: CloudSettings, opts: pulumi.ResourceOptions) -> None:
    """One agent pool, of the pool's one machine."""
    aks = import_sdk("pulumi_azure_native", "azure").containerservice
    (machine,) = pool.machines
    sharing = pool.pool.sharing
    spot = pool.pool.capacity_type is CapacityType.SPOT
    aks.AgentPool(
        f"{name}-nodes",
        resource_group_name=cloud.group,
        resource_name_=cloud.name,
        agent_pool_name=pool.name.replace("-", ""),
        mode="User",
        type="VirtualMachineScaleSets",
        os_type="Linux",
        os_sku="Ubuntu",
        vm_size=machine.machine,
        availability_zones=list(pool.pool.zones) or None,
        vnet_subnet_id=cloud.subnets[0] if cloud.subnets else None,
        count=0,
        min_count=0,
        max_count=pool.pool.max_gpus // machine.gpus,
        enable_auto_scaling=True,
        max_pods=machine.pods,
        os_disk_size_gb=pool.disk_gb,
        gpu_profile=aks.GPUProfileArgs(driver="Install"),
        # AKS knows slices by their cores alone: those of 1g.5gb are MIG1g.
        gpu_instance_profile=f"MIG{sharing.profile.partition('.')[0]}" if sharing.kind is SharingKind.MIG else None,
        node_labels=pool.labels,
        node_taints=[f"{taint['key']}={taint['value']}:{taint['effect']}" for taint in pool.taints],
        scale_down_mode="Delete",
        scale_set_priority="Spot" if spot else "Regular",
        scale_set_eviction_policy="Delete" if spot else None,
        tags=dict(cloud.tags) or None,
        # How many nodes there are is the autoscaler's to say.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["count"])),
    )
