"""GPU node pools under mocks: what each backend declares, against the clouds' real SDKs where they are installed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from codeopen.capacity.amounts import Capacity, Demand
from codeopen.capacity.reservations import GI
from codeopen.cluster.gpu_pools import CheckedPool
from codeopen.cluster.gpu_settings import CapacityType, GpuSharing, PoolPlatform, SharingKind
from codeopen.errors import CapacityError, CloudSdkError
from components.gpu_backends.cloud_sdk import cluster_of, import_sdk
from components.gpu_node_pool import CloudCluster, GpuNodePool, GpuNodePoolArgs
from tests.components import mocks
from tests.components.mocks import Declared, record
from tests.unit.cluster.gpu_examples import exclusive, shared, sliced

CREATOR = (Demand("demo", "creator + gpu", Capacity(4000, 4 * GI, 1, 1)),)
CLUSTER = CloudCluster("main", "us-central1", "group", "role", ("subnet-1",), tags={"team": "ai"})
EXTRAS = {"pulumi_gcp": "gcp", "pulumi_aws": "aws", "pulumi_azure_native": "azure"}


def declared(pool: CheckedPool, cluster: CloudCluster | None = CLUSTER) -> list[Declared]:
    return record(lambda: _declare(pool, cluster), {})


def _declare(pool: CheckedPool, cluster: CloudCluster | None) -> None:
    GpuNodePool("pool", GpuNodePoolArgs(pool, CREATOR, cluster))


def inputs(resources: list[Declared], kind: str) -> dict[str, Any]:
    (found,) = [each.inputs for each in resources if each.type == kind]
    return found


def need(package: str) -> None:
    pytest.importorskip(package, reason=f"an optional extra: pip install 'codeopen-containers[{EXTRAS[package]}]'")


def test_karpenter_s_pool_is_objects_of_the_cluster() -> None:
    resources = declared(exclusive(), None)
    assert Counter(each.type for each in resources) == {
        "codeopen:kubernetes:GpuNodePool": 1,
        "kubernetes:core/v1:Namespace": 1,
        "kubernetes:core/v1:ResourceQuota": 1,
        "kubernetes:karpenter.sh/v1:NodePool": 1,
    }
    node_pool = inputs(resources, "kubernetes:karpenter.sh/v1:NodePool")
    types = [each for each in node_pool["spec"]["template"]["spec"]["requirements"] if "instance" in each["key"]]
    assert types == [{"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["g4dn.2xlarge"]}]


def test_a_shared_pool_of_karpenter_s_has_its_overlay() -> None:
    resources = declared(shared(), None)
    overlay = inputs(resources, "kubernetes:karpenter.sh/v1alpha1:NodeOverlay")
    assert overlay["spec"]["capacity"] == {"nvidia.com/gpu.shared": "4"}


def test_the_preview_says_what_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", lambda text, **_: said.append(text))
    declared(exclusive(), None)
    assert said == ["GPU pool t4: 1 project on 1 node (1 g4dn.2xlarge), $0.752 an hour, $548.96 a month"]


def test_without_a_demand_every_machine_will_do() -> None:
    resources = record(lambda: _none(exclusive()), {})
    spec = inputs(resources, "kubernetes:karpenter.sh/v1:NodePool")["spec"]["template"]["spec"]
    (types,) = [each["values"] for each in spec["requirements"] if "instance-type" in each["key"]]
    assert types == ["g4dn.12xlarge", "g4dn.2xlarge", "g4dn.4xlarge", "g4dn.xlarge"]


def _none(pool: CheckedPool) -> None:
    GpuNodePool("pool", GpuNodePoolArgs(pool))


@pytest.mark.parametrize(("package", "extra"), EXTRAS.items())
def test_an_sdk_that_is_not_there_is_named_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(CloudSdkError, match=rf"pip install 'codeopen-containers\[{extra}\]'"):
        import_sdk(package, extra)


def test_no_sdk_of_a_cloud_is_imported_for_karpenter(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in EXTRAS:
        monkeypatch.setitem(sys.modules, package, None)
    assert declared(exclusive(), None)


def test_a_managed_pool_needs_its_cluster() -> None:
    with pytest.raises(CapacityError, match="GPU pool 't4': a managed node pool needs its cluster"):
        cluster_of("t4", None)


def test_gke() -> None:
    need("pulumi_gcp")
    resources = declared(exclusive(platform=PoolPlatform.GKE, zones=("us-central1-a",)))
    pool = inputs(resources, "gcp:container/nodePool:NodePool")
    config = pool["nodeConfig"]
    assert (pool["initialNodeCount"], pool["autoscaling"]["totalMaxNodeCount"]) == (0, 4)
    assert pool["nodeLocations"] == ["us-central1-a"]
    assert config["machineType"] == "n1-standard-8"
    (accelerator,) = config["guestAccelerators"]
    assert accelerator == {
        "type": "nvidia-tesla-t4",
        "count": 1,
        "gpuDriverInstallationConfig": {"gpuDriverVersion": "DEFAULT"},
    }
    assert config["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}]
    assert config["labels"]["codeopen.dev/pool"] == "t4"
    assert config["spot"] is False


@pytest.mark.parametrize(
    ("make", "key", "value"),
    [
        (
            lambda: shared(platform=PoolPlatform.GKE),
            "gpuSharingConfig",
            {"gpuSharingStrategy": "TIME_SHARING", "maxSharedClientsPerGpu": 4},
        ),
        (sliced, "gpuPartitionSize", "1g.5gb"),
    ],
)
def test_gke_shares_gpus_itself(make: Callable[[], CheckedPool], key: str, value: object) -> None:
    need("pulumi_gcp")
    config = inputs(declared(make()), "gcp:container/nodePool:NodePool")["nodeConfig"]
    assert config["guestAccelerators"][0][key] == value


def test_eks(monkeypatch: pytest.MonkeyPatch) -> None:
    need("pulumi_aws")
    groups = {"resources": [{"autoscalingGroups": [{"name": "group-of-pool-nodes"}]}]}
    monkeypatch.setattr(mocks, "_computed", lambda args, _: groups if args.typ == "aws:eks/nodeGroup:NodeGroup" else {})
    resources = declared(shared(platform=PoolPlatform.EKS, capacity_type=CapacityType.SPOT))
    group = inputs(resources, "aws:eks/nodeGroup:NodeGroup")
    assert group["scalingConfig"] == {"desiredSize": 0, "minSize": 0, "maxSize": 4}
    assert (group["amiType"], group["capacityType"]) == ("AL2023_x86_64_NVIDIA", "SPOT")
    assert group["instanceTypes"] == ["g4dn.2xlarge"]
    assert {(taint["key"], taint["value"], taint["effect"]) for taint in group["taints"]} == {
        ("nvidia.com/gpu", "present", "NO_SCHEDULE"),
        ("codeopen.dev/owner", "anna", "NO_SCHEDULE"),
    }
    tags = {each.inputs["tag"]["key"]: each.inputs for each in resources if each.type == "aws:autoscaling/tag:Tag"}
    turns = tags["k8s.io/cluster-autoscaler/node-template/resources/nvidia.com/gpu.shared"]
    assert turns["tag"] == {"key": turns["tag"]["key"], "value": "4", "propagateAtLaunch": False}
    assert turns["autoscalingGroupName"] == "group-of-pool-nodes"
    assert tags["k8s.io/cluster-autoscaler/node-template/taint/nvidia.com/gpu"]["tag"]["value"] == "present:NoSchedule"


def test_aks() -> None:
    need("pulumi_azure_native")
    resources = declared(exclusive(platform=PoolPlatform.AKS))
    pool = inputs(resources, "azure-native:containerservice:AgentPool")
    assert (pool["count"], pool["minCount"], pool["maxCount"], pool["enableAutoScaling"]) == (0, 0, 4, True)
    assert (pool["vmSize"], pool["maxPods"], pool["mode"]) == ("Standard_NC8as_T4_v3", 50, "User")
    assert pool["nodeTaints"] == ["nvidia.com/gpu=present:NoSchedule"]
    assert pool["gpuProfile"] == {"driver": "Install"}
    assert "gpuInstanceProfile" not in pool


def test_aks_knows_slices_by_their_cores() -> None:
    need("pulumi_azure_native")
    cut = GpuSharing(SharingKind.MIG, profile="1g.10gb")
    checked = sliced(platform=PoolPlatform.AKS, model="nvidia-a100-80gb", sharing=cut, capacity_type=CapacityType.SPOT)
    pool = inputs(declared(checked), "azure-native:containerservice:AgentPool")
    assert (pool["gpuInstanceProfile"], pool["scaleSetPriority"]) == ("MIG1g", "Spot")
    assert "kubernetes.azure.com/scalesetpriority=spot:NoSchedule" in pool["nodeTaints"]
