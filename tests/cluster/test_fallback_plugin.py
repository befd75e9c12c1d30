"""The fallback kubernetes plugin through the real Pulumi CLI, against a real API server and its controllers."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.cluster.faulty_api import Faults, faulty_api
from tests.engine.plugins.conftest import Stack
from tests.engine.plugins.conftest import pulumi_home as pulumi_home  # noqa: PLC0414 - a fixture, passed on

PROGRAM = Path(__file__).parent / "fallback_program"
PASSWORD = "hunter2-hunter2"
SEVERAL_MINUTES = 240.0


class Project:
    """One stack of the program, and its objects as kubectl sees them."""

    def __init__(self, stack: Stack, cluster: ControlPlane) -> None:
        self.stack = stack
        self.cluster = cluster
        self.namespace = f"fallback-{stack.suffix}"

    def get(self, kind: str, name: str) -> Any:
        return self.cluster.get(kind, name, "--show-managed-fields", namespace=self.namespace)

    def exists(self) -> bool:
        found = self.cluster.kubectl("get", "namespace", self.namespace, "--ignore-not-found", "--output", "name")
        return bool(found)


@pytest.fixture
def project(cluster: ControlPlane, pulumi_home: Path, tmp_path: Path) -> Iterator[Project]:
    stack = Stack(pulumi_home, tmp_path, uuid.uuid4().hex[:8], source=PROGRAM)
    stack.configure(kubeconfig=cluster.kubeconfig)
    stack.run("config", "set", "--secret", "password", PASSWORD)
    made = Project(stack, cluster)
    yield made
    cluster.kubectl("delete", "namespace", made.namespace, "--ignore-not-found", "--wait=false")
    cluster.kubectl("delete", "crd", f"gates.{stack.suffix}.example.com", "--ignore-not-found", "--wait=false")


def test_a_whole_life(project: Project) -> None:
    """Up, clean preview, refresh, update, replacement, destroy: one stack, since each step needs the one before."""
    stack = project.stack
    first = stack.up().output
    assert "1 warning" in first
    assert "the fallback kubernetes plugin stands in for the official one" in first
    password = project.get("secret", "login")["data"]["password"]
    assert base64.b64decode(password).decode() == PASSWORD
    assert project.get("gate", "main")["spec"] == {"open": True, "hosts": ["a", "b"]}
    definition = project.get("crd", f"gates.{stack.suffix}.example.com")
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert schema["properties"]["spec"]["x-kubernetes-preserve-unknown-fields"] is True
    made = project.get("statefulset", "workspace")
    stack.expect_no_changes()
    stack.run("refresh", "--yes", "--skip-preview")
    stack.expect_no_changes()

    stack.configure(extra="true", replicas=2)
    assert "[diff: ~metadata,spec]" in stack.up().output
    updated = project.get("statefulset", "workspace")
    assert updated["metadata"]["uid"] == made["metadata"]["uid"]
    assert (updated["spec"]["replicas"], updated["metadata"]["labels"]["extra"]) == (2, "yes")
    stack.run("config", "rm", "extra")
    stack.up()
    assert "extra" not in project.get("networkpolicy", "default-deny")["metadata"]["labels"]
    stack.expect_no_changes()

    stack.configure(serviceName="other")
    claim = project.get("pvc", "home")["metadata"]["uid"]
    assert "+-1 to replace" in stack.run("preview").output
    stack.up()
    replaced = project.get("statefulset", "workspace")
    assert (replaced["spec"]["serviceName"], replaced["metadata"]["uid"] != made["metadata"]["uid"]) == ("other", True)
    assert project.get("pvc", "home")["metadata"]["uid"] == claim
    stack.expect_no_changes()
    _expect_no_password(project, [first])
    stack.run("destroy", "--yes", "--skip-preview")
    assert not project.exists()


def _expect_no_password(project: Project, outputs: list[str]) -> None:
    texts = project.stack.state_texts()
    assert any("kubernetes:core/v1:Secret" in text for text in texts.values())
    for shape in (PASSWORD, base64.b64encode(PASSWORD.encode()).decode()):
        assert [name for name, text in texts.items() if shape in text] == []
        assert [output for output in outputs if shape in output] == []


def test_what_changed_behind_pulumis_back_shows_and_comes_back(project: Project) -> None:
    stack = project.stack
    stack.up()
    patch = json.dumps({"spec": {"replicas": 0}})
    project.cluster.kubectl("patch", "statefulset", "workspace", "-n", project.namespace, "-p", patch)
    project.cluster.kubectl("delete", "networkpolicy", "default-deny", "-n", project.namespace)
    drift = " ".join(stack.run("refresh", "--yes", "--diff").output.split())
    assert "replicas: 1 => 0" in drift
    assert "- 1 deleted" in drift
    _expect_no_password(project, [drift])
    # kubectl owns the field now: as the official plugin, taking it back needs a word, or its own manager's name.
    refused = " ".join(stack.up(ok=False).output.split())
    assert 'conflict with "kubectl-patch"' in refused
    assert "pulumi.com/patchForce" in refused
    stack.configure(force="true")
    stack.up()
    assert project.get("statefulset", "workspace")["spec"]["replicas"] == 1
    assert project.get("networkpolicy", "default-deny")["spec"]["policyTypes"] == ["Ingress", "Egress"]
    stack.expect_no_changes()


def test_secrets_change_in_place_only_where_the_provider_allows_it(project: Project) -> None:
    stack = project.stack
    stack.up()
    first = project.get("secret", "login")["metadata"]["uid"]
    stack.run("config", "set", "--secret", "password", "another")
    stack.up()
    second = project.get("secret", "login")
    assert second["metadata"]["uid"] != first
    stack.configure(secretMutable="true")
    stack.run("config", "set", "--secret", "password", "a third")
    stack.up()
    third = project.get("secret", "login")
    assert third["metadata"]["uid"] == second["metadata"]["uid"]
    assert base64.b64decode(third["data"]["password"]) == b"a third"


def test_an_object_of_somebody_else_is_never_adopted(project: Project) -> None:
    project.cluster.kubectl("create", "namespace", project.namespace)
    refused = " ".join(project.stack.up(ok=False).output.split())
    assert f"can't create Namespace {project.namespace}: it exists already" in refused
    assert "pulumi import" in refused


def test_a_renamed_resource_does_not_take_its_own_object(project: Project) -> None:
    """It would be deleted at the end of the same update: the trap that the official plugin closed too."""
    stack = project.stack
    stack.up()
    before = project.get("namespace", project.namespace)["metadata"]["uid"]
    stack.configure(namespaceResource="renamed")
    refused = stack.up(ok=False)
    assert "it exists already, and this resource did not make it" in " ".join(refused.output.split())
    assert project.get("namespace", project.namespace)["metadata"]["uid"] == before


def test_objects_made_by_hand_can_be_imported(project: Project) -> None:
    project.cluster.kubectl("create", "namespace", project.namespace)
    stack = project.stack
    urn = "urn:pulumi:dev::codeopen::pulumi:providers:kubernetes::cluster"
    stack.up("--target", urn)
    stack.run(
        "import", "kubernetes:core/v1:Namespace", "namespace", project.namespace, "--provider", f"cluster={urn}",
        "--yes", "--generate-code=false", "--protect=false", "--skip-preview",
    )  # fmt: skip
    uid = project.get("namespace", project.namespace)["metadata"]["uid"]
    stack.up()
    assert project.get("namespace", project.namespace)["metadata"]["uid"] == uid
    stack.expect_no_changes()


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("nameless", "give metadata.name: the fallback kubernetes plugin"),
        ("patch", "the type kubernetes:core/v1:NamespacePatch is not supported by the fallback kubernetes plugin"),
    ],
)
def test_what_isnt_supported_is_refused_before_anything_is_made(project: Project, option: str, text: str) -> None:
    project.stack.configure(**{option: "true"})
    refused = project.stack.run("preview", ok=False)
    assert text in " ".join(refused.output.split())
    assert not project.exists()


def test_an_unknown_field_is_refused_by_name(project: Project) -> None:
    project.stack.configure(unknownField="true")
    refused = " ".join(project.stack.up(ok=False).output.split())
    assert f"can't create Service {project.namespace}/workspace" in refused
    assert 'unknown field "spec.portz"' in refused


def test_a_preview_needs_no_cluster(project: Project, tmp_path: Path) -> None:
    away = tmp_path / "away.kubeconfig"
    away.write_text(project.cluster.kubeconfig.read_text().replace(project.cluster.url, "https://127.0.0.1:1"))
    project.stack.configure(kubeconfig=away)
    assert "+ 9 to create" in project.stack.run("preview").output


def test_an_up_goes_on_through_every_fault(project: Project) -> None:
    """Overload, broken and lost answers, dropped connections: the objects are made once, and a second up is clean."""
    with faulty_api(project.cluster, Faults(first=4, share=0.4), name=project.stack.suffix) as faulty:
        project.stack.configure(kubeconfig=faulty.kubeconfig)
        project.stack.up()
        assert len(faulty.faults.failed) >= 7
        project.stack.expect_no_changes()
        project.stack.configure(extra="true")
        project.stack.up()
        project.stack.expect_no_changes()
        project.stack.run("destroy", "--yes", "--skip-preview")
    assert not project.exists()


def test_a_restarted_api_server_is_waited_for(project: Project) -> None:
    cli = project.stack.start("up", "--yes", "--skip-preview")
    _wait_for(project.exists)
    project.cluster.restart_api_server()
    assert cli.wait(SEVERAL_MINUTES) == 0
    project.stack.expect_no_changes()


@pytest.mark.parametrize("kind", ["namespace", "statefulset"])
def test_a_killed_run_is_taken_up_again(project: Project, kind: str) -> None:
    """Killed between an object's creation and its record in the state: the next run finds its own object there."""
    stack = project.stack
    with faulty_api(project.cluster, Faults(), name=project.stack.suffix) as faulty:
        stack.configure(kubeconfig=faulty.kubeconfig)
        cli = stack.start("up", "--yes", "--skip-preview")

        def found() -> bool:
            where = ["--namespace", project.namespace] if kind != "namespace" else [project.namespace]
            return "name" in project.cluster.kubectl("get", kind, *where, "--output", "yaml", check=False)

        _wait_for(found)
        cli.kill()
        cli.wait()
        _wait_for(lambda: stack.processes() == [])
        stack.run("cancel", "--yes")
        stack.up()
        stack.expect_no_changes()
        stack.run("destroy", "--yes", "--skip-preview")


def test_an_object_that_the_state_does_not_know_but_this_resource_made_is_taken_up(project: Project) -> None:
    """The same as after a kill, at the one point that a kill rarely hits."""
    stack = project.stack
    stack.up()
    urn = "urn:pulumi:dev::codeopen::kubernetes:networking.k8s.io/v1:NetworkPolicy::policy"
    uid = project.get("networkpolicy", "default-deny")["metadata"]["uid"]
    stack.run("state", "delete", urn, "--yes")
    stack.configure(extra="true")  # its inputs may have changed since
    stack.up()
    taken = project.get("networkpolicy", "default-deny")["metadata"]
    assert (taken["uid"], taken["labels"]["extra"]) == (uid, "yes")
    stack.expect_no_changes()


def _wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not within the time limit"
        time.sleep(0.02)
