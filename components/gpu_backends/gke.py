"""GPU pools as node pools of GKE, which brings drivers and device plugin along."""

from __future__ import annotations

from typing import Any

import pulumi

from codeopen.environment.gpu_settings import CapacityType, CloudSettings, SharingKind
from codeopen.platform.cluster.gpu.pools import CheckedPool
from components.cloud_sdk import import_sdk

_TAINT_EFFECT = "NO_SCHEDULE"


def declare_nodes(name: str, pool: CheckedPool, cloud: CloudSettings, opts: pulumi.ResourceOptions) -> None:
    """One node pool, of the pool's one machine."""
    gke = import_sdk("pulumi_gcp", "gcp").container
    (machine,) = pool.machines
    gke.NodePool(
        f"{name}-nodes",
        name=f"codeopen-{pool.name}",
        cluster=cloud.name,
        location=cloud.location,
        project=cloud.group or None,
        node_locations=list(pool.pool.zones) or None,
        initial_node_count=0,
        autoscaling=gke.NodePoolAutoscalingArgs(
            location_policy="ANY", total_min_node_count=0, total_max_node_count=pool.pool.max_gpus // machine.gpus
        ),
        management=gke.NodePoolManagementArgs(auto_repair=True, auto_upgrade=True),
        upgrade_settings=gke.NodePoolUpgradeSettingsArgs(max_surge=1, max_unavailable=0),
        node_config=gke.NodePoolNodeConfigArgs(
            machine_type=machine.machine,
            guest_accelerators=[_accelerator(gke, pool)],
            labels=pool.labels,
            taints=[
                gke.NodePoolNodeConfigTaintArgs(key=taint["key"], value=taint["value"], effect=_TAINT_EFFECT)
                for taint in pool.taints
            ],
            spot=pool.pool.capacity_type is CapacityType.SPOT,
            disk_size_gb=pool.disk_gb,
            service_account=cloud.node_role or None,
            oauth_scopes=["https://www.googleapis.com/auth/cloud-platform"],
            metadata={"disable-legacy-endpoints": "true"},
            resource_labels=dict(cloud.tags) or None,
        ),
        opts=opts,
    )


def _accelerator(gke: Any, pool: CheckedPool) -> Any:
    (machine,) = pool.machines
    sharing = pool.pool.sharing
    turns = gke.NodePoolNodeConfigGuestAcceleratorGpuSharingConfigArgs(
        gpu_sharing_strategy="TIME_SHARING", max_shared_clients_per_gpu=pool.per_gpu
    )
    # The API's default installs no driver, and a node without one offers no GPU.
    driver = gke.NodePoolNodeConfigGuestAcceleratorGpuDriverInstallationConfigArgs(gpu_driver_version="DEFAULT")
    return gke.NodePoolNodeConfigGuestAcceleratorArgs(
        type=pool.platform.accelerators[pool.model.id],
        count=machine.gpus,
        gpu_driver_installation_config=driver,
        gpu_partition_size=sharing.profile if sharing.kind is SharingKind.MIG else None,
        gpu_sharing_config=turns if sharing.kind is SharingKind.TIME_SLICING else None,
    )
