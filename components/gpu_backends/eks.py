"""GPU pools as managed node groups of EKS, scaled by the cluster autoscaler."""

from __future__ import annotations

import pulumi

from codeopen.environment.gpu_settings import CapacityType, CloudSettings
from codeopen.platform.cluster.gpu.pools import GPU, CheckedPool
from components.cloud_sdk import import_sdk

_TEMPLATE = "k8s.io/cluster-autoscaler/node-template"
_CAPACITY = {CapacityType.ON_DEMAND: "ON_DEMAND", CapacityType.SPOT: "SPOT"}


def declare_nodes(name: str, pool: CheckedPool, cloud: CloudSettings, opts: pulumi.ResourceOptions) -> None:
    """One node group, of the pool's one machine. Its zones are those of the cluster's subnets."""
    aws = import_sdk("pulumi_aws", "aws")
    (machine,) = pool.machines
    group = aws.eks.NodeGroup(
        f"{name}-nodes",
        cluster_name=cloud.name,
        region=cloud.location or None,
        node_group_name=f"codeopen-{pool.name}",
        node_role_arn=cloud.node_role,
        subnet_ids=list(cloud.subnets),
        ami_type="AL2023_x86_64_NVIDIA",
        instance_types=[machine.machine],
        capacity_type=_CAPACITY[pool.pool.capacity_type],
        disk_size=pool.disk_gb,
        scaling_config=aws.eks.NodeGroupScalingConfigArgs(
            desired_size=0, min_size=0, max_size=pool.pool.max_gpus // machine.gpus
        ),
        update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
        labels=pool.labels,
        taints=[
            aws.eks.NodeGroupTaintArgs(key=taint["key"], value=taint["value"], effect="NO_SCHEDULE")
            for taint in pool.taints
        ],
        tags=dict(cloud.tags) or None,
        # How many nodes there are is the autoscaler's to say.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["scalingConfig.desiredSize"])),
    )
    for number, (key, value) in enumerate(_template(pool).items()):
        aws.autoscaling.Tag(
            f"{name}-template-{number}",
            region=cloud.location or None,
            autoscaling_group_name=group.resources[0].autoscaling_groups[0].name,
            tag=aws.autoscaling.TagTagArgs(key=key, value=value, propagate_at_launch=False),
            opts=opts,
        )


def _template(pool: CheckedPool) -> dict[str, str]:
    """What the autoscaler must know of a node before there is one, and of the parts that the device plugin makes."""
    (machine,) = pool.machines
    tags = {f"{_TEMPLATE}/label/{key}": value for key, value in pool.labels.items()}
    tags |= {f"{_TEMPLATE}/taint/{taint['key']}": f"{taint['value']}:{taint['effect']}" for taint in pool.taints}
    if pool.resource != GPU:
        tags[f"{_TEMPLATE}/resources/{pool.resource}"] = str(machine.gpus * pool.per_gpu)
    return tags
