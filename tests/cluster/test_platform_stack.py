"""A platform's stack and the projects that it lists, by the real CLI on a real API server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.control_plane import ControlPlane
from tests.cluster.host_paths import STORAGE_CLASS
from tests.live import LiveStack, prepare_stack

IMAGE = f"localhost:5000/codeopen/codeopen-js@sha256:{'1' * 64}"


class PlatformStack:
    """A stack of a cluster in a copy of this checkout; ``names`` makes its projects' ids its own."""

    def __init__(self, live: LiveStack, cluster: ControlPlane) -> None:
        self.live = live
        self.cluster = cluster

    def configure(self, *projects: Mapping[str, Any], **more: Any) -> None:
        """Write its configuration. kwok pulls nothing, so images may be any that are pinned."""
        cluster = {
            "kubeconfig": str(self.cluster.kubeconfig),
            "namespace": f"{self.live.name}-system",
            "ingress": {"domain": "dev.example.com"},
            "warmUp": {"enabled": False},
        }
        values = {
            "registry": "localhost:5000",
            "cluster": {**cluster, **more},
            "combinations": [],
            "projects": [{"image": IMAGE, "flavor": "js", **project} for project in projects],
        }
        if self.live.environment.get("CODEOPEN_STACK") == "offline":
            values["mirror"] = "~/.cache/codeopen/mirror"
        file = self.live.checkout / "stacks" / f"Pulumi.{self.live.name}.yaml"
        file.write_text(yaml.safe_dump({"config": {f"codeopen:{key}": value for key, value in values.items()}}))

    def changes(self) -> list[str]:
        """What applying the configuration would change."""
        changes = json.loads(self.live.codeopen("up", "--dry-run", "--format", "json").stdout)["changes"]
        return [f"{each['operation']} {each['type'].rpartition(':')[2]}" for each in changes]

    def id(self, name: str) -> str:
        return f"{self.live.name}-{name}"

    def get(self, project: str, kind: str, name: str) -> Any:
        return self.cluster.get(kind, name, namespace=f"codeopen-{self.id(project)}")

    def pods(self, project: str) -> list[Any]:
        return self.cluster.items("pods", f"codeopen-{self.id(project)}")


@pytest.fixture
def platform(cluster: ControlPlane, tmp_path: Path) -> Iterator[PlatformStack]:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "state").mkdir()
    live = prepare_stack(tmp_path / "checkout", tmp_path / "state")
    yield PlatformStack(live, cluster)
    for each in cluster.items("namespaces"):
        name = each["metadata"]["name"]
        if live.name in name:
            cluster.kubectl("delete", "namespace", name, "--wait=false")
    for kind in ("priorityclass", "validatingadmissionpolicy", "validatingadmissionpolicybinding"):
        cluster.kubectl("delete", kind, "--selector", "app.kubernetes.io/managed-by=codeopen")


def test_the_life_of_a_listed_project(platform: PlatformStack) -> None:
    """Up, clean preview, hibernate, wake, rename, downgrade, removal: each step needs the one before."""
    ann = {"id": platform.id("ann"), "tier": "power", "addons": ["gui"], "name": "Ann's"}
    bob = {"id": platform.id("bob"), "tier": "starter"}
    platform.configure(ann, bob)
    shown = json.loads(platform.live.codeopen("up", "--format", "json").stdout)
    assert {row["project"]: row["health"] for row in shown["projects"]} == {ann["id"]: "running", bob["id"]: "running"}
    assert platform.live.preview() == {}
    pod = platform.cluster.wait_for_pod(f"codeopen-{ann['id']}", "workspace-0")
    (container,) = pod["spec"]["containers"]
    assert container["resources"]["limits"] == {"cpu": "10", "memory": "20Gi", "ephemeral-storage": "10Gi"}
    assert container["image"] == IMAGE
    claim = platform.get("ann", "pvc", "home")
    assert (claim["status"]["phase"], claim["spec"]["resources"]["requests"]["storage"]) == ("Bound", "100G")
    quota = platform.get("ann", "quota", "workspace")["status"]
    assert quota["used"]["pods"] == quota["hard"]["pods"] == "1"

    asleep = {**ann, "state": "hibernated", "name": "Ann's second", "tier": "starter"}
    platform.configure(asleep, bob)
    told = platform.live.codeopen("up")
    log = platform.live.checkout / ".codeopen" / "stacks" / f"{platform.live.name}.log"
    assert f"project {ann['id']}: its disk stays at 100 GB, though 20 GB are asked for now" in log.read_text()
    assert told.returncode == 0
    platform.cluster.wait_for("the pod gone", lambda: not platform.pods("ann"))
    kept = platform.get("ann", "pvc", "home")
    assert kept["metadata"]["uid"] == claim["metadata"]["uid"], "the claim outlives the pod, the rename and the tier"
    assert kept["spec"]["resources"]["requests"]["storage"] == "100G"
    assert platform.live.preview() == {}

    platform.configure({**asleep, "state": "running"}, bob)
    assert platform.changes() == ["update StatefulSet"], "waking changes nothing else"
    platform.live.codeopen("up")
    awake = platform.cluster.wait_for_pod(f"codeopen-{ann['id']}", "workspace-0")
    assert awake["spec"]["containers"][0]["resources"]["limits"]["memory"] == "6Gi"

    # An add-on's login goes with it.
    platform.configure({**asleep, "state": "running", "addons": []}, bob)
    platform.live.codeopen("up")
    assert "KASMVNC_PASSWORD" not in platform.get("ann", "secret", "credentials")["data"]

    platform.live.codeopen("down")
    platform.cluster.wait_for("the pods gone", lambda: not platform.pods("ann") and not platform.pods("bob"))
    assert platform.get("ann", "pvc", "home")["metadata"]["uid"] == claim["metadata"]["uid"]
    left = platform.cluster.items("all", f"codeopen-{ann['id']}")
    assert left == []

    platform.live.codeopen("up")
    platform.cluster.wait_for_pod(f"codeopen-{ann['id']}", "workspace-0")
    assert platform.get("ann", "pvc", "home")["metadata"]["uid"] == claim["metadata"]["uid"], "taken up again"
    assert platform.live.preview() == {}


def test_a_listed_project_is_removed_comes_back_and_is_deleted(platform: PlatformStack) -> None:
    """Its entry leaves the list last; where it left too early, what to do is told."""
    eve, bob = ({"id": platform.id(name), "tier": "starter"} for name in ("eve", "bob"))
    platform.configure(eve, bob)
    platform.live.codeopen("up")
    claim = platform.get("eve", "pvc", "home")["metadata"]["uid"]

    platform.configure({**eve, "state": "removed"}, bob)
    deleted = ("Ingress", "PodDisruptionBudget", "Secret", "Service", "ServiceAccount", "StatefulSet")
    assert sorted(platform.changes()) == [f"delete {kind}" for kind in deleted]
    platform.live.codeopen("up")
    assert platform.cluster.items("statefulsets", f"codeopen-{eve['id']}") == []
    assert platform.live.preview() == {}

    platform.configure(eve, bob)
    platform.live.codeopen("up")
    platform.cluster.wait_for_pod(f"codeopen-{eve['id']}", "workspace-0")
    assert platform.get("eve", "pvc", "home")["metadata"]["uid"] == claim

    platform.configure({**eve, "state": "removed"}, bob)
    refused = platform.live.codeopen("project", "remove", eve["id"], "--with-data", "--yes", check=False)
    assert "set `state` there to running, hibernated or removed" in refused.stdout, "its workload is still there"
    platform.live.codeopen("up")
    platform.live.codeopen("project", "remove", eve["id"], "--with-data", "--yes")
    assert f"codeopen-{eve['id']}" not in [each["metadata"]["name"] for each in platform.cluster.items("namespaces")]
    platform.configure(bob)
    assert platform.changes() == []
    platform.live.codeopen("up")

    platform.configure()
    for words in (("up", "--dry-run"), ("up",)):
        told = platform.live.codeopen(*words, check=False)
        assert told.returncode == 4
        assert f"project '{bob['id']}': it is no longer in codeopen:projects" in told.stderr
    platform.live.codeopen("project", "remove", bob["id"], "--with-data", "--yes")
    platform.live.codeopen("up")
    namespaces = [each["metadata"]["name"] for each in platform.cluster.items("namespaces")]
    assert not any(name.startswith(f"codeopen-{platform.live.name}") for name in namespaces)
    platform.live.codeopen("down")


def test_another_storage_class_is_for_new_claims(platform: PlatformStack) -> None:
    eve, bob = ({"id": platform.id(name), "tier": "starter"} for name in ("eve", "bob"))
    platform.configure(eve)
    platform.live.codeopen("up")
    claim = platform.get("eve", "pvc", "home")
    platform.configure({**eve, "state": "hibernated"}, {**bob, "state": "hibernated"}, storageClass="another")
    platform.live.codeopen("up")
    kept = platform.get("eve", "pvc", "home")
    assert (kept["metadata"]["uid"], kept["spec"]["storageClassName"]) == (
        claim["metadata"]["uid"],
        claim["spec"]["storageClassName"],
    )
    assert platform.get("bob", "pvc", "home")["spec"]["storageClassName"] == "another"
    platform.configure({**eve, "state": "hibernated"}, {**bob, "state": "hibernated"})
    assert platform.changes() == [], "nor where none is given any more"
    platform.live.codeopen("down")


def test_a_disk_that_can_not_grow_goes_back_to_its_tier(platform: PlatformStack) -> None:
    """The larger size is recorded before the API server refuses the claim; then even hibernating would want it."""
    fixed = f"fixed-{platform.live.name}"
    platform.cluster.apply({**STORAGE_CLASS, "metadata": {"name": fixed}, "allowVolumeExpansion": False})
    eve = {"id": platform.id("eve"), "tier": "starter"}
    platform.configure(eve, storageClass=fixed)
    platform.live.codeopen("up")
    platform.configure({**eve, "tier": "power"}, storageClass=fixed)
    refused = platform.live.codeopen("up", check=False)
    assert refused.returncode == 1
    assert "must support resize" in refused.stderr
    platform.configure({**eve, "state": "hibernated"}, storageClass=fixed)
    platform.live.codeopen("up")
    assert platform.get("eve", "pvc", "home")["spec"]["resources"]["requests"]["storage"] == "20G"
    assert platform.live.preview() == {}
    platform.live.codeopen("down")
    platform.cluster.kubectl("delete", "storageclass", fixed)


def test_a_pod_of_another_makes_is_refused(platform: PlatformStack) -> None:
    """By the restricted standard, and by the quota: one pod of the computed size is all there is."""
    platform.configure({"id": platform.id("eve"), "tier": "starter"})
    platform.live.codeopen("up")
    namespace = f"codeopen-{platform.id('eve')}"
    platform.cluster.wait_for_pod(namespace, "workspace-0")
    root = {"securityContext": {"privileged": True}, "name": "root", "image": IMAGE}
    other = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "other", "namespace": namespace}}
    assert 'violates PodSecurity "restricted:latest"' in platform.cluster.refused(
        {**other, "spec": {"containers": [root]}}
    )
    template = platform.get("eve", "statefulset", "workspace")["spec"]["template"]["spec"]
    assert "exceeded quota: workspace" in platform.cluster.refused({**other, "spec": template})
    platform.cluster.kubectl("scale", "statefulset/workspace", "--replicas=2", "--namespace", namespace)

    def refusals() -> list[Any]:
        events = platform.cluster.items("events", namespace)
        return [each for each in events if "exceeded quota: workspace" in each["message"]]

    platform.cluster.wait_for("the quota's refusal of a second replica", refusals)
    assert len(platform.pods("eve")) == 1
