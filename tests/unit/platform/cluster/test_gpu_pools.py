"""GPU pools: what is refused of them, what their nodes and pods look like, and what the how-to page declares."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from codeopen.environment.gpu_settings import (
    CapacityType,
    CloudSettings,
    GpuSharing,
    NodeClass,
    SharingKind,
)
from codeopen.environment.read_cluster import read_cluster_settings
from codeopen.errors import CapacityError, SettingsError
from codeopen.platform.cluster.gpu.admission import gpu_admission_objects
from codeopen.platform.cluster.gpu.device_plugin import IMAGE, NAMESPACE, device_plugin_objects
from codeopen.platform.cluster.gpu.karpenter import karpenter_objects, node_pool
from codeopen.platform.cluster.gpu.managed import check_managed
from codeopen.platform.cluster.gpu.pools import check_pools, choose_pool, gpu_scheduling
from codeopen.platform.cluster.gpu.seats import pool_quota, seat_namespace, seat_objects
from codeopen.platform.cluster.objects import Object
from tests.live import ROOT
from tests.unit.platform.cluster.gpu_examples import TURNS, exclusive, pool, real_gpus, shared, sliced

PAGE = ROOT / "docs" / "how-to" / "give-projects-a-gpu.md"
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def only(objects: tuple[Object, ...], kind: str) -> dict[str, Any]:
    (found,) = [dict(each.manifest) for each in objects if each.kind == kind]
    return found


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "T4"}, "the name must be 1 to 30 lower-case letters"),
        ({"name": "far-too-long-name", "platform": "aks"}, "AKS allows 12 letters and digits"),
        ({"platform": "gkee"}, "there is no platform 'gkee'; did you mean 'gke'? Valid are: karpenter, eks, gke, aks"),
        ({"platform": "GKE"}, "there is no platform 'GKE'; did you mean 'gke'?"),
        ({"platform": "digitalocean"}, "there is no platform 'digitalocean'; use one of: karpenter, eks, gke, aks"),
        ({"owner": "a b"}, "owner 'a b' can't be a label"),
        ({"max_gpus": 0}, "maxGpus 0 leaves it empty"),
        ({"model": "nvidia-t5"}, "there is no GPU model 'nvidia-t5'; did you mean 'nvidia-t4'?"),
        ({"model": "nvidia-a10"}, "no machine of eks has some nvidia-a10"),
        (
            {"machines": ("g4dn.2xlarg",)},
            "eks has no machine 'g4dn.2xlarg' with nvidia-t4; did you mean 'g4dn.2xlarge'",
        ),
        ({"machines": ("g6.xlarge",)}, "eks has no machine 'g6.xlarge' with nvidia-t4"),
        ({"gpus_per_node": 8}, "no machine of eks has 8 nvidia-t4"),
        ({"max_gpus": 3, "gpus_per_node": 4}, "no machine of eks has 4 nvidia-t4 and 3 at most"),
        ({"sharing": TURNS}, "time-slicing puts no wall between those who share a GPU; name the one owner"),
        ({"sharing": GpuSharing(SharingKind.TIME_SLICING, 9), "owner": "a"}, "replicas 9 is no number of turns"),
        ({"sharing": GpuSharing(SharingKind.TIME_SLICING, 1), "owner": "a"}, "replicas 1 is no number of turns"),
        ({"sharing": GpuSharing(SharingKind.MIG, profile="1g.5gb")}, "nvidia-t4 has no MIG profile '1g.5gb'"),
        (
            {"model": "nvidia-a100-40gb", "max_gpus": 8, "sharing": GpuSharing(SharingKind.MIG, profile="1g.5gb")},
            "karpenter does not cut GPUs into slices",
        ),
    ],
)
def test_a_pool_that_can_t_be_is_refused_with_its_name(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(CapacityError) as refused:
        check_pools([pool(**fields)], real_gpus())
    assert str(refused.value).startswith(f"GPU pool {fields.get('name', 't4')!r}: ")
    assert told in str(refused.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(CapacityError) as refused:
        check_pools([pool(max_gpus=0), pool(model="x"), pool(name="A")], real_gpus())
    lines = str(refused.value).splitlines()
    assert len(lines) == 4
    assert lines[-1] == "GPU pool 't4': declared twice; give each pool a name of its own"


@pytest.mark.parametrize(
    ("checked", "resource", "seats"),
    [
        (exclusive(), "nvidia.com/gpu", 4),
        (shared(), "nvidia.com/gpu.shared", 16),
        (shared(platform="gke"), "nvidia.com/gpu", 16),
        (sliced(max_gpus=2), "nvidia.com/gpu", 14),
        (
            sliced(
                platform="aks",
                model="nvidia-a100-80gb",
                sharing=GpuSharing(SharingKind.MIG, profile="1g.10gb"),
            ),
            "nvidia.com/mig-1g.10gb",
            28,
        ),
    ],
)
def test_what_its_nodes_offer_and_how_many_seats_there_are(checked: Any, resource: str, seats: int) -> None:
    assert (checked.resource, checked.seats) == (resource, seats)
    (quota,) = [each for each in pool_quota(checked) if each.kind == "ResourceQuota"]
    assert quota.manifest["spec"]["hard"]["count/leases.coordination.k8s.io"] == str(seats)


def test_a_pod_of_a_plain_pool() -> None:
    placement = gpu_scheduling(exclusive(), 1)
    assert placement.resources == {"nvidia.com/gpu": "1"}
    taint = {"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}
    assert placement.tolerations == (taint,)
    term = {"matchExpressions": [{"key": "codeopen.dev/pool", "operator": "In", "values": ["t4"]}]}
    required = placement.affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert required == {"nodeSelectorTerms": [term]}
    assert placement.labels == {"codeopen.dev/pool": "t4"}
    assert gpu_scheduling(exclusive(), 2).resources == {"nvidia.com/gpu": "2"}


def test_a_pod_of_one_owner_s_pool_says_whose_it_is() -> None:
    placement = gpu_scheduling(shared(), 1)
    assert placement.resources == {"nvidia.com/gpu.shared": "1"}
    assert [each["value"] for each in placement.tolerations] == ["present", "anna"]
    (term,) = placement.affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert {"key": "codeopen.dev/owner", "operator": "In", "values": ["anna"]} in term["matchExpressions"]
    with pytest.raises(CapacityError, match="a pod can have one part only, not 2"):
        gpu_scheduling(shared(), 2)


@pytest.mark.parametrize("checked", [exclusive(), shared(), sliced()])
def test_what_a_pod_tolerates_and_wants_is_what_nodes_have(checked: Any) -> None:
    placement = gpu_scheduling(checked, 1)
    tolerated = {(each["key"], each["value"], each["effect"]) for each in placement.tolerations}
    assert tolerated == {(each["key"], each["value"], each["effect"]) for each in checked.taints}
    (term,) = placement.affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    for wanted in term["matchExpressions"]:
        assert checked.labels[wanted["key"]] in wanted["values"]


def test_a_spot_node_of_aks_has_a_taint_of_its_own() -> None:
    checked = exclusive(platform="aks", capacity_type=CapacityType.SPOT)
    assert "kubernetes.azure.com/scalesetpriority" in {taint["key"] for taint in checked.taints}
    assert len(gpu_scheduling(checked, 1).tolerations) == 2


def test_a_project_goes_to_its_owner_s_pool_first() -> None:
    plain, annas = exclusive(), shared()
    pools = (plain, annas)
    assert choose_pool(pools, "anna", 1) is annas
    assert choose_pool(pools, "bob", 1) is plain
    assert choose_pool(pools, "", 1) is plain
    assert choose_pool(pools, "anna", 2) is plain
    with pytest.raises(CapacityError, match="no GPU pool is open to owner 'bob' with 1 GPUs"):
        choose_pool((annas,), "bob", 1)
    with pytest.raises(CapacityError, match="no GPU pool is open to owner '' with 16 GPUs"):
        choose_pool(pools, "", 16)


@pytest.mark.parametrize(
    ("platform", "cloud", "missing"),
    [
        ("eks", CloudSettings(), ("name", "nodeRole", "subnets")),
        ("eks", CloudSettings("main", node_role="role", subnets=("a",)), ()),
        ("gke", CloudSettings(), ("name", "location")),
        ("gke", CloudSettings("main", "us-central1"), ()),
        ("aks", CloudSettings("main"), ("group",)),
        ("aks", CloudSettings("main", group="group"), ()),
        ("karpenter", CloudSettings(), ()),
    ],
)
def test_a_managed_pool_needs_what_its_cloud_wants_to_know(
    platform: str, cloud: CloudSettings, missing: tuple[str, ...]
) -> None:
    machine = {"gke": "n1-standard-8-t4", "aks": "Standard_NC8as_T4_v3"}.get(platform, "g4dn.2xlarge")
    told = ""
    try:
        check_managed([exclusive(platform=platform, machines=(machine,))], cloud)
    except SettingsError as error:
        told = str(error)
    assert told.splitlines() == [
        f"codeopen:cluster.cloud.{key} is missing; write it, since GPU pool 't4' is a node pool of {platform}"
        for key in missing
    ]


@pytest.mark.parametrize("machines", [(), ("g4dn.2xlarge", "g4dn.4xlarge")])
def test_a_managed_pool_names_one_machine_that_no_project_changes(machines: tuple[str, ...]) -> None:
    cloud = CloudSettings("main", node_role="role", subnets=("subnet-1",))
    told = r"pool 't4' must name exactly one of its machines.*`codeopen plan capacity`"
    with pytest.raises(SettingsError, match=told):
        check_managed([exclusive(platform="eks", machines=machines)], cloud)
    check_managed([exclusive(machines=machines)], CloudSettings())


def test_karpenter_never_takes_a_workspace_away() -> None:
    spec = node_pool(exclusive(zones=("us-east-1a",), weight=20)).manifest["spec"]
    assert spec["disruption"] == {
        "consolidationPolicy": "WhenEmpty",
        "consolidateAfter": "10m",
        "budgets": [{"nodes": "100%", "reasons": ["Empty"]}, {"nodes": "0", "reasons": ["Drifted", "Underutilized"]}],
    }
    assert spec["template"]["spec"]["expireAfter"] == "Never"
    assert spec["weight"] == 20
    assert spec["limits"] == {"nvidia.com/gpu": "4"}
    assert {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["us-east-1a"]} in spec["template"][
        "spec"
    ]["requirements"]


def test_karpenter_gets_its_node_class_from_the_settings() -> None:
    test_class = NodeClass("karpenter.kwok.sh", "KWOKNodeClass", "tests")
    assert node_pool(exclusive()).manifest["spec"]["template"]["spec"]["nodeClassRef"]["kind"] == "EC2NodeClass"
    made = node_pool(exclusive(node_class=test_class)).manifest["spec"]["template"]["spec"]["nodeClassRef"]
    assert made == {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "tests"}


def test_karpenter_is_told_of_turns_that_no_machine_has() -> None:
    assert [each.kind for each in karpenter_objects(exclusive())] == ["NodePool"]
    objects = karpenter_objects(shared(max_gpus=8, model="nvidia-t4"))
    assert [each.kind for each in objects] == ["NodeOverlay", "NodeOverlay", "NodePool"]
    assert [each.manifest["spec"]["capacity"] for each in objects[:2]] == [
        {"nvidia.com/gpu.shared": "4"},
        {"nvidia.com/gpu.shared": "16"},
    ]
    assert objects[2].manifest["spec"]["limits"] == {"nvidia.com/gpu": "8", "nvidia.com/gpu.shared": "32"}


def test_the_device_plugin_runs_on_gpu_nodes_alone_and_may_do_little() -> None:
    objects = device_plugin_objects([exclusive(), shared()])
    assert [each.kind for each in objects].count("DaemonSet") == 2
    assert {each.namespace for each in objects if each.kind != "Namespace"} == {NAMESPACE}
    assert only(objects, "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    for each in (each for each in objects if each.kind == "DaemonSet"):
        pod = each.manifest["spec"]["template"]["spec"]
        assert pod["nodeSelector"].keys() == {"codeopen.dev/pool"}
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["image"] == IMAGE
        assert re.fullmatch(r"[\w./-]+:v[\d.]+@sha256:[0-9a-f]{64}", IMAGE)
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert [volume["name"] for volume in pod["volumes"] if "hostPath" in volume] == ["sockets"]


def test_the_device_plugin_makes_turns_where_the_pool_is_shared() -> None:
    def configuration(checked: Any) -> Any:
        return json.loads(only(device_plugin_objects([checked]), "ConfigMap")["data"]["config.yaml"])

    assert "sharing" not in configuration(exclusive())
    assert configuration(shared())["sharing"]["timeSlicing"] == {
        "renameByDefault": True,
        "failRequestsGreaterThanOne": True,
        "resources": [{"name": "nvidia.com/gpu", "replicas": 4}],
    }
    digests = {
        only(device_plugin_objects([checked]), "DaemonSet")["spec"]["template"]["metadata"]["annotations"][
            "codeopen.dev/configuration"
        ]
        for checked in (shared(), shared(sharing=GpuSharing(SharingKind.TIME_SLICING, 2)))
    }
    assert len(digests) == 2


def test_slices_need_one_capability_more() -> None:
    cut = sliced(platform="aks", model="nvidia-a100-80gb", sharing=GpuSharing(SharingKind.MIG, profile="1g.10gb"))
    pod = only(device_plugin_objects([cut]), "DaemonSet")["spec"]["template"]["spec"]
    security = pod["containers"][0]["securityContext"]
    assert security["capabilities"] == {"drop": ["ALL"], "add": ["SYS_ADMIN"]}
    assert "allowPrivilegeEscalation" not in security


def test_gke_has_a_device_plugin_of_its_own() -> None:
    assert device_plugin_objects([exclusive(platform="gke"), sliced()]) == ()
    assert device_plugin_objects([]) == ()


def test_a_project_has_a_seat_for_each_gpu() -> None:
    seats = seat_objects(exclusive(), "demo", 2)
    assert [(seat.namespace, seat.name) for seat in seats] == [
        ("codeopen-gpu-t4", "demo.0"),
        ("codeopen-gpu-t4", "demo.1"),
    ]
    assert seat_namespace(exclusive()) == "codeopen-gpu-t4"
    with pytest.raises(CapacityError, match="it has 4 seats; 'demo' wants 5"):
        seat_objects(exclusive(), "demo", 5)


def test_policies_bind_in_namespaces_of_projects_and_fail_closed() -> None:
    for each in gpu_admission_objects():
        spec = each.manifest["spec"]
        if each.kind == "ValidatingAdmissionPolicy":
            assert spec["failurePolicy"] == "Fail"
            assert spec["matchConstraints"]["namespaceSelector"] == {
                "matchLabels": {"app.kubernetes.io/managed-by": "codeopen"},
                "matchExpressions": [{"key": "codeopen.dev/project", "operator": "Exists"}],
            }
        else:
            assert spec["validationActions"] == ["Deny"]


def test_what_the_page_declares_is_what_pools_are_read_from() -> None:
    """docs/how-to/give-projects-a-gpu.md: pools of Karpenter's with projects, then a managed one on each cloud."""
    first, *managed = (yaml.safe_load(block)["config"] for block in YAML.findall(PAGE.read_text(encoding="utf-8")))
    settings = read_cluster_settings(first["codeopen:cluster"])
    checked = check_pools(settings.gpu_pools, real_gpus())
    check_managed(checked, settings.cloud)
    assert [each.name for each in checked] == ["t4", "team-a"]
    for project in first["codeopen:projects"]:
        assert choose_pool(checked, project["owner"], 1).name == ("team-a" if project["owner"] == "team-a" else "t4")
    platforms = []
    for values in managed:
        settings = read_cluster_settings(values["codeopen:cluster"])
        (pool_,) = check_pools(settings.gpu_pools, real_gpus())
        check_managed([pool_], settings.cloud)
        platforms.append(pool_.pool.platform)
    assert platforms == ["gke", "eks", "aks"]
