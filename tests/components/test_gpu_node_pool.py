"""GPU node pools under mocks: what each backend declares, against the clouds' real SDKs where they are installed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from codeopen.environment.gpu_settings import CapacityType, CloudSettings, GpuSharing, SharingKind
from codeopen.errors import CloudSdkError
from codeopen.model.catalog.pool_platforms import GI
from codeopen.platform.capacity.amounts import Capacity, Demand
from codeopen.platform.cluster.gpu.pools import CheckedPool
from components.cloud_sdk import import_sdk
from components.gpu_node_pool import GpuNodePool, GpuNodePoolArgs
from tests.components import mocks
from tests.components.mocks import Declared, record
from tests.unit.platform.cluster.gpu_examples import exclusive, shared, sliced

CREATOR = (Demand("demo", "creator + gpu", Capacity(4000, 4 * GI, 1, 1)),)
MACHINES = ["g4dn.12xlarge", "g4dn.2xlarge", "g4dn.4xlarge", "g4dn.xlarge"]
CLOUD = CloudSettings("main", "us-central1", "group", "role", ("subnet-1",), {"team": "ai"})
EXTRAS = {"pulumi_gcp": "gcp", "pulumi_aws": "aws", "pulumi_azure_native": "azure"}


def declared(pool: CheckedPool) -> list[Declared]:
    return record(lambda: _declare(pool), {})


def _declare(pool: CheckedPool) -> None:
    GpuNodePool("pool", GpuNodePoolArgs(pool, CREATOR, CLOUD))


def inputs(resources: list[Declared], kind: str) -> dict[str, Any]:
    (found,) = [each.inputs for each in resources if each.type == kind]
    return found


def need(package: str) -> None:
    pytest.importorskip(package, reason=f"an optional extra: pip install 'codeopen-containers[{EXTRAS[package]}]'")


def test_karpenter_s_pool_is_objects_of_the_cluster() -> None:
    resources = declared(exclusive())
    assert Counter(each.type for each in resources) == {
        "codeopen:kubernetes:GpuNodePool": 1,
        "kubernetes:core/v1:Namespace": 1,
        "kubernetes:core/v1:ResourceQuota": 1,
        "kubernetes:karpenter.sh/v1:NodePool": 1,
    }
    node_pool = inputs(resources, "kubernetes:karpenter.sh/v1:NodePool")
    types = [each for each in node_pool["spec"]["template"]["spec"]["requirements"] if "instance" in each["key"]]
    assert types == [{"key": "node.kubernetes.io/instance-type", "operator": "In", "values": MACHINES}]


def test_a_shared_pool_of_karpenter_s_has_its_overlay() -> None:
    resources = declared(shared(machines=("g4dn.2xlarge",)))
    overlay = inputs(resources, "kubernetes:karpenter.sh/v1alpha1:NodeOverlay")
    assert overlay["spec"]["capacity"] == {"nvidia.com/gpu.shared": "4"}


def test_the_preview_says_what_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", lambda text, **_: said.append(text))
    declared(exclusive())
    assert said == ["GPU pool t4: 1 project on 1 node (1 g4dn.2xlarge), $0.752 an hour, $548.96 a month"]


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
    assert declared(exclusive())


def test_gke() -> None:
    need("pulumi_gcp")
    resources = declared(exclusive(platform="gke", machines=("n1-standard-8-t4",), zones=("us-central1-a",)))
    pool = inputs(resources, "gcp:container/nodePool:NodePool")
    config = pool["nodeConfig"]
    assert (pool["initialNodeCount"], pool["autoscaling"]["totalMaxNodeCount"]) == (0, 4)
    assert (pool["cluster"], pool["location"], pool["project"]) == ("main", "us-central1", "group")
    assert (config["diskSizeGb"], config["serviceAccount"]) == (200, "role")
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
            lambda: shared(platform="gke", machines=("n1-standard-8-t4",)),
            "gpuSharingConfig",
            {"gpuSharingStrategy": "TIME_SHARING", "maxSharedClientsPerGpu": 4},
        ),
        (lambda: sliced(machines=("a2-highgpu-1g",)), "gpuPartitionSize", "1g.5gb"),
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
    resources = declared(shared(platform="eks", machines=("g4dn.2xlarge",), capacity_type=CapacityType.SPOT))
    group = inputs(resources, "aws:eks/nodeGroup:NodeGroup")
    assert group["scalingConfig"] == {"desiredSize": 0, "minSize": 0, "maxSize": 4}
    assert (group["amiType"], group["capacityType"]) == ("AL2023_x86_64_NVIDIA", "SPOT")
    assert (group["clusterName"], group["nodeRoleArn"], group["subnetIds"]) == ("main", "role", ["subnet-1"])
    assert (group["region"], group["diskSize"]) == ("us-central1", 200)
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
    resources = declared(exclusive(platform="aks", machines=("Standard_NC8as_T4_v3",), disk_gb=300))
    pool = inputs(resources, "azure-native:containerservice:AgentPool")
    assert (pool["count"], pool["minCount"], pool["maxCount"], pool["enableAutoScaling"]) == (0, 0, 4, True)
    assert (pool["resourceGroupName"], pool["resourceName"], pool["osDiskSizeGB"]) == ("group", "main", 300)
    assert (pool["vmSize"], pool["maxPods"], pool["mode"]) == ("Standard_NC8as_T4_v3", 50, "User")
    assert pool["nodeTaints"] == ["nvidia.com/gpu=present:NoSchedule"]
    assert pool["gpuProfile"] == {"driver": "Install"}
    assert "gpuInstanceProfile" not in pool


def test_aks_knows_slices_by_their_cores() -> None:
    need("pulumi_azure_native")
    cut = GpuSharing(SharingKind.MIG, profile="1g.10gb")
    checked = sliced(
        platform="aks",
        model="nvidia-a100-80gb",
        machines=("Standard_NC24ads_A100_v4",),
        sharing=cut,
        capacity_type=CapacityType.SPOT,
    )
    pool = inputs(declared(checked), "azure-native:containerservice:AgentPool")
    assert (pool["gpuInstanceProfile"], pool["scaleSetPriority"]) == ("MIG1g", "Spot")
    assert "kubernetes.azure.com/scalesetpriority=spot:NoSchedule" in pool["nodeTaints"]
