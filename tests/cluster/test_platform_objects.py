"""The platform's objects on a real API server: it takes them all, restricted pods come, and warm-up gives way.

kwok plays the nodes: it pulls no image and evicts nothing, and it says at once that a pod is ready.
"""

from __future__ import annotations

import json
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codeopen.environment.cluster_settings import (
    BuilderSettings,
    ClusterSettings,
    IngressSettings,
    RegistryKind,
    RegistrySettings,
    WarmUpSettings,
)
from codeopen.platform.cluster.objects import Object, Reference, SecretValue, fill
from codeopen.platform.cluster.platform_objects import PlatformImages, platform_objects
from codeopen.platform.cluster.warm_up.controller import LABEL, Cluster, Rules, put_labels
from codeopen.platform.cluster.warm_up.images import WarmImage, WarmPool
from tests.cluster.control_plane import ControlPlane

SYSTEM = "codeopen-system"
IMAGE = f"registry.invalid/test@sha256:{'0' * 64}"
POOL = {"warm-up-test": "yes"}
TAINT = {"key": "warm-up-test", "value": "yes", "effect": "NoSchedule"}
COOLDOWN = 3600
CUSTOM = {
    "middlewares": ("traefik.io", "v1alpha1", "Middleware"),
    "tlsstores": ("traefik.io", "v1alpha1", "TLSStore"),
    "serverstransports": ("traefik.io", "v1alpha1", "ServersTransport"),
    "certificates": ("cert-manager.io", "v1", "Certificate"),
    "imagelistpulljobs": ("apps.kruise.io", "v1alpha1", "ImageListPullJob"),
}
SETTINGS = ClusterSettings(
    ingress=IngressSettings("dev.example.com", forward_auth="http://gate.auth.svc/verify", tls_secret="wildcard"),
    registry=RegistrySettings(
        kind=RegistryKind.IN_CLUSTER,
        host="registry.example.com",
        issuer="public",
        ingress_class="traefik",
        pull_secret="registry-login",
    ),
    builder=BuilderSettings(enabled=True, issuer="own"),
    warm_up=WarmUpSettings(parallel=2),
    runtime_classes=("gvisor", "sysbox-runc"),
)
WARM = (WarmImage(Reference("js", IMAGE), ("js",)), WarmImage(Reference("js-code", IMAGE), ("js", "addon-code-server")))


def made(settings: ClusterSettings = SETTINGS) -> tuple[Object, ...]:
    pools = [WarmPool("test", POOL, ({"key": "warm-up-test", "operator": "Exists"},))]
    return platform_objects(settings, PlatformImages(IMAGE, IMAGE, IMAGE), WARM, pools)


def manifest(each: Object) -> dict[str, Any]:
    def value(wanted: SecretValue | Reference) -> str:
        if isinstance(wanted, Reference):
            return wanted.tag
        return '{"auths": {}}' if wanted.name == "registry-login" else "c2VjcmV0"

    filled: dict[str, Any] = fill(each.manifest, value)
    return filled


def definition(plural: str, group: str, version: str, kind: str) -> dict[str, Any]:
    """A custom resource's definition that takes anything: the project's own schemas check the content."""
    names = {"plural": plural, "singular": kind.lower(), "kind": kind}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    one = {"name": version, "served": True, "storage": True, "schema": schema}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [one]},
    }


@pytest.fixture(scope="module")
def platform(cluster: ControlPlane) -> Iterator[ControlPlane]:
    cluster.apply(*(definition(plural, *kind) for plural, kind in CUSTOM.items()))
    for plural, (group, *_) in CUSTOM.items():
        cluster.kubectl("wait", "--for=condition=Established", f"crd/{plural}.{group}", "--timeout=30s")
    # kubectl validates strictly: the server refuses fields that it doesn't know.
    cluster.apply(*(manifest(each) for each in made()))
    yield cluster
    for each in made():
        if not each.namespace and each.kind != "Namespace":
            cluster.kubectl("delete", each.kind, each.name, "--ignore-not-found")


def test_the_server_takes_every_object_as_it_is(platform: ControlPlane) -> None:
    for each in made():
        found = platform.get(each.kind, each.name, namespace=each.namespace or None)
        assert found["metadata"]["labels"].items() >= each.manifest["metadata"]["labels"].items()
    before = specified(platform)
    platform.apply(*(manifest(each) for each in made()))
    assert specified(platform) == before, "the same again changes nothing"


def specified(cluster: ControlPlane) -> dict[str, Any]:
    kinds = ("deployments", "daemonsets", "statefulsets", "networkpolicies", "services")
    return {
        f"{kind}/{one['metadata']['name']}": (one["metadata"].get("generation"), one["spec"])
        for kind in kinds
        for one in cluster.items(kind, SYSTEM)
    }


def test_the_server_takes_openkruises_job_and_certificates_of_the_stack(platform: ControlPlane) -> None:
    settings = ClusterSettings(
        registry=RegistrySettings(kind=RegistryKind.IN_CLUSTER, host="registry.example.com", load_balancer=True),
        builder=BuilderSettings(enabled=True),
        warm_up=WarmUpSettings(openkruise=True),
    )
    for each in made(settings):
        if each.kind in {"ImageListPullJob", "Secret", "Service"}:
            platform.apply(manifest(each))
    assert platform.items("imagelistpulljobs", SYSTEM)
    platform.kubectl("delete", "imagelistpulljobs", "--all", "--namespace", SYSTEM)
    platform.apply(*(manifest(each) for each in made() if each.kind == "Service"))


@pytest.mark.parametrize(
    ("namespace", "label"),
    [
        (SYSTEM, "app.kubernetes.io/name=codeopen-registry"),
        (SYSTEM, "app.kubernetes.io/name=codeopen-warm-up-controller"),
        ("codeopen-builder", "app.kubernetes.io/name=codeopen-buildkitd"),
    ],
)
def test_pod_security_lets_the_platforms_pods_in(platform: ControlPlane, namespace: str, label: str) -> None:
    def running() -> bool:
        pods = platform.items("pods", namespace, "--selector", label)
        return any(pod["status"].get("phase") == "Running" for pod in pods)

    platform.wait_for(f"{label} runs", running, 60)


def test_the_builder_could_not_run_in_the_platforms_namespace(platform: ControlPlane) -> None:
    (builder,) = (manifest(each) for each in made() if each.kind == "StatefulSet")
    spec = builder["spec"]["template"]["spec"]
    spec["volumes"].append({"name": "cache", "emptyDir": {}})
    spec["serviceAccountName"] = "default"
    alone = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "builder", "namespace": SYSTEM}, "spec": spec}
    refusal = platform.refused(alone)
    assert 'violates PodSecurity "restricted' in refusal
    assert "seccompProfile" in refusal


@pytest.fixture
def controller(platform: ControlPlane, tmp_path: Path) -> Cluster:
    """The controller's own code, with the token of its account."""
    token = platform.kubectl("create", "token", "warm-up-controller", "--namespace", SYSTEM)
    (tmp_path / "token").write_text(token)
    (tmp_path / "ca.crt").write_bytes(platform.certificate.read_bytes())
    return Cluster(platform.url, tmp_path, SYSTEM, "app.kubernetes.io/name=codeopen-warm-up")


ACCOUNT = f"system:serviceaccount:{SYSTEM}:warm-up-controller"


@pytest.mark.parametrize(
    ("patch", "refusal"),
    [
        ({"metadata": {"labels": {LABEL: "on"}}}, ""),
        ({"metadata": {"labels": {LABEL: None}}}, ""),
        ({"metadata": {"labels": {"pool": "other"}}}, "one label on nodes"),
        ({"metadata": {"labels": {"kubernetes.io/os": None}}}, "one label on nodes"),
        ({"metadata": {"annotations": {"a": "b"}}}, "no annotations"),
        ({"spec": {"unschedulable": True}}, "doesn't change what nodes are for"),
        ({"spec": {"taints": [{"key": "a", "effect": "NoExecute"}]}}, "doesn't change what nodes are for"),
    ],
)
def test_the_controller_may_put_one_label_on_nodes_and_nothing_else(
    platform: ControlPlane, controller: Cluster, patch: dict[str, Any], refusal: str
) -> None:
    if not platform.get("nodes", "--field-selector", "metadata.name=labelled")["items"]:
        platform.add_node("labelled", taints=[TAINT])

    def said() -> bool:
        try:
            controller._call("PATCH", "/api/v1/nodes/labelled", patch)
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            assert not refusal or refusal in text or "ValidatingAdmissionPolicy" not in text, text
            return bool(refusal) and refusal in text
        return not refusal  # a policy takes a moment to be in force

    platform.wait_for(f"the answer {refusal or 'patched'!r}", said, 15)


def test_the_controller_reads_no_secrets(platform: ControlPlane) -> None:
    for words in (("get", "secrets"), ("delete", "nodes"), ("create", "pods"), ("update", "nodes")):
        assert platform.kubectl("auth", "can-i", *words, "--as", ACCOUNT, "-n", SYSTEM, check=False).startswith("no")


def test_warm_up_takes_places_in_turn_and_leaves_a_full_disk(platform: ControlPlane, controller: Cluster) -> None:
    rules = Rules((POOL,), 2, COOLDOWN)
    names = ["warm-1", "warm-2", "warm-3"]
    for name in names:
        platform.add_node(name, POOL, [TAINT])
    assert warmed(platform) == set(), "nothing begins by itself"

    now = time.time()
    assert put_labels(controller, rules, now) == {"warm-1": "on", "warm-2": "on"}
    platform.wait_for("two nodes warm", lambda: warmed(platform) == {"warm-1", "warm-2"})
    assert put_labels(controller, rules, now) == {"warm-3": "on"}
    platform.wait_for("all nodes are warm", lambda: warmed(platform) == set(names))
    assert put_labels(controller, rules, now) == {}

    set_disk_pressure(platform, "warm-1", "True")
    taint = "node.kubernetes.io/disk-pressure"
    platform.wait_for("the taint", lambda: taint in platform.kubectl("get", "node", "warm-1", "-o", "yaml"))
    time.sleep(3)
    assert "warm-1" in warmed(platform), "the DaemonSet's pod tolerates the taint: it doesn't go by itself"

    assert put_labels(controller, rules, time.time()) == {"warm-1": "paused"}
    platform.wait_for("the node is left alone", lambda: warmed(platform) == {"warm-2", "warm-3"})
    assert put_labels(controller, rules, time.time()) == {}

    set_disk_pressure(platform, "warm-1", "False")
    platform.wait_for("no taint", lambda: taint not in platform.kubectl("get", "node", "warm-1", "-o", "yaml"))
    assert put_labels(controller, rules, time.time() + COOLDOWN - 60) == {}, "not at once: it would fill it again"
    assert put_labels(controller, rules, time.time() + COOLDOWN + 60) == {"warm-1": "on"}
    platform.wait_for("it warms again", lambda: "warm-1" in warmed(platform))

    platform.add_node("warm-4", POOL, [TAINT])
    assert put_labels(controller, rules, time.time()) == {"warm-4": "on"}
    platform.wait_for("a node that joined is warm", lambda: "warm-4" in warmed(platform))


def warmed(cluster: ControlPlane) -> set[str]:
    """The nodes with a ready warm-up pod."""
    pods = cluster.items("pods", SYSTEM, "--selector", "app.kubernetes.io/name=codeopen-warm-up")
    return {
        pod["spec"]["nodeName"]
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        and any((one["type"], one["status"]) == ("Ready", "True") for one in pod["status"].get("conditions", []))
    }


def set_disk_pressure(cluster: ControlPlane, node: str, status: str) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    condition = {
        "type": "DiskPressure",
        "status": status,
        "reason": "Test",
        "lastTransitionTime": now,
        "lastHeartbeatTime": now,
    }
    patch = json.dumps({"status": {"conditions": [condition]}})
    cluster.kubectl("patch", "node", node, "--subresource=status", "--type=strategic", "--patch", patch)
