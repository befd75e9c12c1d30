"""What the platform of a cluster is made of, by its settings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codeopen.environment.cluster_settings import (
    BuilderSettings,
    ClusterSettings,
    IngressSettings,
    RegistryKind,
    RegistrySettings,
)
from codeopen.errors import SettingsError
from codeopen.platform.cluster.objects import Object, Reference, make_object
from codeopen.platform.cluster.platform_objects import PlatformImages, platform_objects
from codeopen.platform.cluster.warm_up.controller import LABEL
from codeopen.platform.cluster.warm_up.images import WarmImage

IMAGES = PlatformImages(
    "r.example/registry@sha256:1", "r.example/buildkit@sha256:2", Reference("base", "r.example/base:1")
)
WARM = (WarmImage(Reference("js", "r.example/js:1"), ("js",)),)
FULL = ClusterSettings(
    ingress=IngressSettings("dev.example.com", forward_auth="http://gate.auth.svc/verify", tls_secret="wildcard"),
    registry=RegistrySettings(kind=RegistryKind.IN_CLUSTER, host="registry.example.com", pull_secret="registry-login"),
    builder=BuilderSettings(enabled=True),
    runtime_classes=("gvisor", "sysbox-runc"),
)


def found(settings: ClusterSettings, gpu_pools: tuple[Object, ...] = ()) -> dict[str, Object]:
    return {
        f"{each.namespace}/{each.key}": each for each in platform_objects(settings, IMAGES, WARM, gpu_pools=gpu_pools)
    }


def test_a_plain_cluster_gets_a_namespace_priorities_and_the_warm_up() -> None:
    kinds = {each.kind for each in found(ClusterSettings()).values()}
    assert "DaemonSet" in kinds
    assert not {"PersistentVolumeClaim", "StatefulSet", "Middleware", "TLSStore", "RuntimeClass", "Secret"} & kinds
    assert "/namespace/codeopen-builder" not in found(ClusterSettings())


def test_namespaces_come_first_and_enforce_what_their_pods_need() -> None:
    objects = list(platform_objects(FULL, IMAGES, WARM))
    assert [each.key for each in objects[:2]] == ["namespace/codeopen-system", "namespace/codeopen-builder"]
    system, builder = objects[:2]
    level = "pod-security.kubernetes.io/enforce"
    assert system.manifest["metadata"]["labels"][level] == "restricted"
    assert builder.manifest["metadata"]["labels"][level] == "privileged"
    assert (system.retain, builder.retain) == (True, False), "the registry's claim is in the first"
    assert not platform_objects(ClusterSettings(), IMAGES)[0].retain


def test_priorities_end_nobodys_pod_but_those_that_warm() -> None:
    classes = {
        each.name: (each.manifest["value"], each.manifest["preemptionPolicy"])
        for each in found(FULL).values()
        if each.kind == "PriorityClass"
    }
    assert classes == {
        "codeopen-platform": (1000, "Never"),
        "codeopen-workspace": (0, "PreemptLowerPriority"),
        "codeopen-warm-up": (-1000, "Never"),
    }


def test_the_gate_trusts_nothing_that_the_client_says_of_its_origin() -> None:
    gate = found(FULL)["codeopen-system/middleware/forward-auth"]
    assert gate.manifest["spec"]["forwardAuth"] == {
        "address": "http://gate.auth.svc/verify",
        "trustForwardHeader": False,
        "authResponseHeaders": ["X-Forwarded-User"],
    }
    assert not [key for key in found(ClusterSettings(ingress=IngressSettings("a.b"))) if "middleware" in key]


def test_a_ports_own_login_passes_the_gate() -> None:
    """Traefik deletes a header of the client's that is listed and that the gate's answer doesn't have."""
    forward = found(FULL)["codeopen-system/middleware/forward-auth"].manifest["spec"]["forwardAuth"]
    assert "Authorization" not in forward["authResponseHeaders"]


def test_runtime_classes_are_made_when_they_are_asked_for() -> None:
    objects = found(FULL)
    assert objects["/runtimeclass/gvisor"].manifest["handler"] == "runsc"
    assert objects["/runtimeclass/sysbox-runc"].manifest["scheduling"] == {
        "nodeSelector": {"sysbox-runtime": "running"}
    }
    with pytest.raises(SettingsError, match=r"gvisr.*gvisor"):
        platform_objects(ClusterSettings(runtime_classes=("gvisr",)), IMAGES)


def test_pools_of_another_module_come_before_what_runs_on_them() -> None:
    pool = make_object("karpenter.sh/v1", "NodePool", "t4", {"spec": {}})
    keys = list(found(FULL, (pool,)))
    assert keys.index("/nodepool/t4") < keys.index("codeopen-system/daemonset/warm-up-default")


def test_every_object_that_is_waited_for_is_there() -> None:
    objects = platform_objects(FULL, IMAGES, WARM)
    keys = [each.key for each in objects]
    for place, each in enumerate(objects):
        for before in each.after:
            assert before in keys[:place], f"{each.key} is made after {before}"


def test_every_pod_has_a_pull_secret_of_its_namespace_or_needs_none() -> None:
    objects = found(FULL)
    assert "codeopen-system/secret/registry-login" in objects
    pods = [each.manifest["spec"]["template"]["spec"] for each in objects.values() if each.kind == "DaemonSet"]
    assert all(pod["imagePullSecrets"] == [{"name": "registry-login"}] for pod in pods)


def test_pods_run_on_nodes_of_their_images_platform() -> None:
    """The registry's image is there for several architectures; builds are made for the stack's own."""
    linux = {"kubernetes.io/os": "linux"}
    arm = replace(IMAGES, platform="linux/arm64")
    selectors = {
        each.name: each.manifest["spec"]["template"]["spec"]["nodeSelector"]
        for each in platform_objects(FULL, arm, WARM)
        if each.kind in {"Deployment", "DaemonSet", "StatefulSet"}
    }
    assert selectors == {
        "registry": linux,
        "buildkitd": {**linux, "kubernetes.io/arch": "arm64"},
        "warm-up-controller": {**linux, "kubernetes.io/arch": "arm64"},
        "warm-up-default": {**linux, "kubernetes.io/arch": "arm64", LABEL: "on"},
    }
