"""A project's objects: what its selection, its state and its cluster's settings make of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from codeopen.environment.cluster_settings import ClusterSettings, IngressSettings, NetworkSettings, RegistrySettings
from codeopen.environment.gpu_settings import GpuPool
from codeopen.errors import SettingsError
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.projects import Project, State, plan_projects
from codeopen.model.quantity import Cpu, Memory
from codeopen.model.selection.name import Release
from codeopen.model.selection.resolve import resolve
from codeopen.model.selection.selection import DEFAULT_PLATFORM, Refusal, Selection
from codeopen.platform.cluster.gpu.pools import check_pools
from codeopen.platform.cluster.objects import Object, SecretValue, fill
from codeopen.platform.cluster.project_objects import project_objects
from codeopen.platform.cluster.validation import validate
from codeopen.platform.cluster.workload.deployment import ProjectDeployment
from codeopen.platform.cluster.workload.placement import deployment_of

CATALOG = read_catalog(Path(__file__).parents[4] / "catalog")
RELEASE = Release("ghcr.io", "codeopen", "0.0.2")
IMAGE = f"ghcr.io/codeopen/codeopen-js@sha256:{'1' * 64}"
SETTINGS = ClusterSettings(ingress=IngressSettings("dev.example.com", forward_auth="http://auth/verify"))
POOLS = check_pools((GpuPool("t4", "karpenter", "nvidia-t4", max_gpus=4),), CATALOG.gpus)


def deployment(*addons: str, tier: str = "starter", **more: Any) -> ProjectDeployment:
    """A project of the real catalog."""
    project = Project("demo", Selection(tier, "js", addons), name="Ann's first", image=IMAGE)
    (planned,) = plan_projects(CATALOG, [project], RELEASE, DEFAULT_PLATFORM, None)
    return replace(deployment_of(planned, POOLS), **more)


def objects(project: ProjectDeployment, settings: ClusterSettings = SETTINGS) -> dict[str, Object]:
    return {each.key: each for each in project_objects(project, settings)}


def spec(project: ProjectDeployment, key: str, settings: ClusterSettings = SETTINGS) -> dict[str, Any]:
    found: dict[str, Any] = objects(project, settings)[key].manifest["spec"]
    return found


def pod(project: ProjectDeployment, settings: ClusterSettings = SETTINGS) -> dict[str, Any]:
    template: dict[str, Any] = spec(project, "statefulset/workspace", settings)["template"]["spec"]
    return template


def container(project: ProjectDeployment, settings: ClusterSettings = SETTINGS) -> dict[str, Any]:
    (only,) = pod(project, settings)["containers"]
    assert isinstance(only, dict)
    return only


def environment(project: ProjectDeployment) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container(project)["env"]}


def every_selection() -> list[Selection]:
    """All tiers with all sets of add-ons that resolve."""
    sets = [chosen for size in range(len(CATALOG.addons) + 1) for chosen in combinations(CATALOG.addons, size)]
    all_of_them = [Selection(tier, "js", chosen) for tier in CATALOG.tiers for chosen in sets]
    return [each for each in all_of_them if not isinstance(resolve(CATALOG, each, RELEASE), Refusal)]


def test_every_selection_gets_what_resolve_computes() -> None:
    selections = every_selection()
    assert len(selections) > 700, "the catalog's tiers and add-ons"
    for selection in selections:
        resolution = resolve(CATALOG, selection, RELEASE)
        assert not isinstance(resolution, Refusal)
        project = deployment(*selection.addons, tier=selection.tier)
        limits = container(project)["resources"]["limits"]
        assert Cpu.parse(limits["cpu"]) == resolution.resources.cpu
        assert Memory.parse(limits["memory"]) == resolution.resources.memory
        assert container(project)["resources"]["requests"]["memory"] == str(resolution.resources.memory_reservation)
        assert int(limits.get("nvidia.com/gpu", "0")) == resolution.resources.gpus
        hard = spec(project, "resourcequota/workspace")["hard"]
        assert (hard["limits.cpu"], hard["limits.memory"]) == (limits["cpu"], limits["memory"])
        assert hard["requests.storage"] == f"{resolution.resources.storage_gb}G"
        assert {port["containerPort"] for port in container(project)["ports"]} == {
            port.port for port in resolution.ports
        }


def test_a_pod_passes_the_restricted_standard() -> None:
    project = deployment()
    labels = objects(project)["namespace/codeopen-demo"].manifest["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert pod(project)["securityContext"]["runAsNonRoot"] is True
    assert pod(project)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(project)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(project)["automountServiceAccountToken"] is False
    assert objects(project)["serviceaccount/workspace"].manifest["automountServiceAccountToken"] is False


def test_what_the_user_made_outlives_everything_else() -> None:
    kept = {key for key, each in objects(deployment()).items() if each.retain}
    assert kept == {"namespace/codeopen-demo", "persistentvolumeclaim/home"}


def test_the_runtime_makes_no_folder_in_a_new_volume() -> None:
    (container,) = pod(deployment())["containers"]
    (mount,) = container["volumeMounts"]
    assert container["workingDir"] == mount["mountPath"], "one below it would be root's"


def test_the_whole_home_is_the_claim() -> None:
    """The image has nothing in the home, so nothing of it lies hidden below the mount."""
    (mount,) = container(deployment())["volumeMounts"]
    assert mount == {"name": "home", "mountPath": "/home/developer"}


def test_a_new_image_waits_for_the_next_wake() -> None:
    assert spec(deployment(), "statefulset/workspace")["updateStrategy"] == {"type": "OnDelete"}


def test_awaits_can_not_hang() -> None:
    """On what may rightly never become ready: no pod, no endpoint, no address, no volume before its first pod."""
    waiting = ("statefulset/workspace", "service/workspace", "ingress/workspace", "persistentvolumeclaim/home")
    for key in waiting:
        annotations = objects(deployment(state=State.HIBERNATED))[key].manifest["metadata"]["annotations"]
        assert annotations["pulumi.com/skipAwait"] == "true", key


def test_probes_carry_no_password_and_ask_the_right_ports() -> None:
    probed = container(deployment())
    assert probed["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": 4097}
    healthy = {"command": ["/usr/local/bin/codeopen-health"]}
    assert probed["readinessProbe"]["exec"] == probed["startupProbe"]["exec"] == healthy


def test_the_pod_is_told_its_tiers_memory() -> None:
    for tier, bytes_ in (("starter", 2 * 1024**3), ("builder", 4 * 1024**3)):
        assert environment(deployment("code-server", tier=tier))["CODEOPEN_TIER_MEMORY_BYTES"] == str(bytes_)


def test_passwords_are_values_of_a_secret_alone() -> None:
    secrets: list[str] = []
    for key, each in objects(deployment("gui")).items():

        def note(value: Any, key: str = key) -> str:
            assert isinstance(value, SecretValue)
            secrets.append(f"{key} {value.name}")
            return "SECRET"

        fill(each.manifest, note)
    ports = ("opencode", "acp-gateway", "vnc")
    assert secrets == [f"secret/credentials password:{port}" for port in ports]
    values = objects(deployment("gui"))["secret/credentials"].manifest["stringData"]
    assert {name for name in values if "PASSWORD" in name} == {
        "OPENCODE_SERVER_PASSWORD",
        "ACP_GATEWAY_PASSWORD_HASH",
        "KASMVNC_PASSWORD",
    }
    assert container(deployment())["envFrom"][0] == {"secretRef": {"name": "credentials"}}


@pytest.mark.parametrize("addons", [(), ("gui",), ("code-server", "gui")])
def test_each_port_has_a_host_of_its_own_behind_the_gate(addons: tuple[str, ...]) -> None:
    project = deployment(*addons)
    ingress = objects(project)["ingress/workspace"]
    hosts = [rule["host"] for rule in ingress.manifest["spec"]["rules"]]
    assert hosts == [f"{port.name}--demo.dev.example.com" for port in project.resolution.ports]
    middleware = ingress.manifest["metadata"]["annotations"]["traefik.ingress.kubernetes.io/router.middlewares"]
    assert middleware == "codeopen-system-forward-auth@kubernetescrd"


def test_without_an_ingress_nothing_comes_in() -> None:
    without = objects(deployment(), ClusterSettings())
    assert not any(key.startswith("ingress/") or key == "networkpolicy/gate" for key in without)


def test_the_network_is_shut_but_for_the_gate_dns_and_public_addresses() -> None:
    project = deployment()
    deny = spec(project, "networkpolicy/default-deny")
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (gate,) = spec(project, "networkpolicy/gate")["ingress"]
    assert gate["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "traefik"}}}]
    assert [port["port"] for port in gate["ports"]] == [4096, 4097]
    (dns,) = spec(project, "networkpolicy/dns")["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    (public,) = spec(project, "networkpolicy/public-egress")["egress"]
    blocked = set(public["to"][0]["ipBlock"]["except"])
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"} <= blocked
    assert "168.63.129.16/32" in blocked, "a cloud's own service at a public address"
    assert {"fc00::/7", "fe80::/10"} <= set(public["to"][1]["ipBlock"]["except"])


def test_dns_servers_that_are_no_pods_are_reached_on_their_ports_alone() -> None:
    network = NetworkSettings(
        dns_namespace="openshift-dns", dns_addresses=("169.254.20.10", "10.96.0.0/28", "fd00::a"), dns_ports=(53, 5353)
    )
    (dns,) = spec(deployment(), "networkpolicy/dns", replace(SETTINGS, network=network))["egress"]
    pods, *addresses = dns["to"]
    assert pods["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "openshift-dns"}}
    assert [each["ipBlock"] for each in addresses] == [
        {"cidr": "169.254.20.10/32"},
        {"cidr": "10.96.0.0/28"},
        {"cidr": "fd00::a/128"},
    ]
    assert [(each["protocol"], each["port"]) for each in dns["ports"]] == [
        *(("UDP", 53), ("TCP", 53), ("UDP", 5353), ("TCP", 5353)),
    ]


@pytest.mark.parametrize("address", ["", "dns.example.com", "10.0.0.1/8", "169.254.20.10:53"])
def test_a_dns_address_that_is_none_is_refused(address: str) -> None:
    settings = replace(SETTINGS, network=NetworkSettings(dns_addresses=(address,)))
    with pytest.raises(SettingsError, match=r"network\.dnsAddresses: .*write an address or a range"):
        objects(deployment(), settings)


def test_without_a_claim_on_a_gpu_none_is_seen_whatever_the_image_says() -> None:
    assert environment(deployment())["NVIDIA_VISIBLE_DEVICES"] == "void"
    with_gpu = deployment("gpu", tier="creator")
    assert "NVIDIA_VISIBLE_DEVICES" not in environment(with_gpu), "the device plugin says which"
    assert pod(with_gpu)["tolerations"] == [
        {"operator": "Equal", "key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    ]
    hard = spec(with_gpu, "resourcequota/workspace")["hard"]
    assert (
        hard["requests.nvidia.com/gpu"],
        spec(deployment(), "resourcequota/workspace")["hard"]["requests.nvidia.com/gpu"],
    ) == ("1", "0")


def test_a_project_with_a_gpu_takes_seats_of_its_pool_while_it_runs() -> None:
    running = deployment("gpu", tier="creator")
    assert [key for key in objects(running) if key.startswith("lease/")] == ["lease/demo.0"]
    assert "lease/demo.0" in objects(running)["statefulset/workspace"].after
    asleep = deployment("gpu", tier="creator", seats=())
    assert not any(key.startswith("lease/") for key in objects(asleep))


def test_a_pod_runs_on_nodes_of_its_images_platform() -> None:
    assert pod(deployment())["nodeSelector"] == {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    (planned,) = plan_projects(CATALOG, [Project("demo", Selection("starter", "js"))], RELEASE, DEFAULT_PLATFORM, None)
    assert planned.platform == DEFAULT_PLATFORM
    elsewhere = deployment_of(replace(planned, platform="linux/arm64/v8"))
    assert pod(elsewhere)["nodeSelector"] == {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"}


def test_one_that_is_removed_has_its_files_behind_the_same_bounds() -> None:
    running, removed = objects(deployment("gui")), objects(deployment("gui", state=State.REMOVED))
    assert set(removed) == {
        *("namespace/codeopen-demo", "persistentvolumeclaim/home", "resourcequota/workspace", "limitrange/workspace"),
        *(f"networkpolicy/{name}" for name in ("default-deny", "dns", "public-egress", "gate")),
    }
    assert removed == {key: running[key] for key in removed}, "so that only the workload's end is a change"


def test_one_that_is_removed_needs_no_pool() -> None:
    project = Project("demo", Selection("creator", "js", ("gpu",)), state=State.REMOVED)
    (planned,) = plan_projects(CATALOG, [project], RELEASE, DEFAULT_PLATFORM, None)
    assert deployment_of(planned, ()).gpu is None


def test_a_desktop_has_shared_memory_of_its_own() -> None:
    (volume,) = [each for each in pod(deployment("gui"))["volumes"] if each["name"] == "shared-memory"]
    assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Gi"}
    assert [each["name"] for each in pod(deployment())["volumes"]] == ["home"]


def test_what_a_cluster_may_ask_for() -> None:
    settings = replace(
        SETTINGS, runtime_class="gvisor", storage_class="fast", registry=RegistrySettings(pull_secret="pull")
    )
    project = deployment()
    assert pod(project, settings)["runtimeClassName"] == "gvisor"
    assert pod(project, settings)["imagePullSecrets"] == [{"name": "pull"}]
    assert spec(project, "persistentvolumeclaim/home", settings)["storageClassName"] == "fast"
    assert objects(project, settings)["secret/pull"].manifest["type"] == "kubernetes.io/dockerconfigjson"
    assert "runtimeClassName" not in pod(project)


def test_a_pod_with_a_gpu_has_a_runtime_class_of_its_own_or_none() -> None:
    """NVIDIA's hook never runs in gVisor."""
    sandboxed = replace(SETTINGS, runtime_class="gvisor")
    plain, with_gpu = deployment(), deployment("gpu", tier="creator")
    assert "runtimeClassName" not in pod(with_gpu, sandboxed)
    both = replace(sandboxed, gpu_runtime_class="nvidia")
    assert (pod(plain, both)["runtimeClassName"], pod(with_gpu, both)["runtimeClassName"]) == ("gvisor", "nvidia")
    assert "runtimeClassName" not in pod(plain, replace(SETTINGS, gpu_runtime_class="nvidia"))


def test_sysbox_gets_the_user_namespace_that_it_asks_for() -> None:
    settings = replace(SETTINGS, runtime_class="sysbox-runc")
    assert pod(deployment(), settings)["hostUsers"] is False
    assert validate(project_objects(deployment(), settings)) == []
    for other in (SETTINGS, replace(SETTINGS, runtime_class="gvisor")):
        assert "hostUsers" not in pod(deployment(), other)
    assert "hostUsers" not in pod(deployment("gpu", tier="creator"), settings)
