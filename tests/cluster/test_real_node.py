"""A platform and a project by the real CLI, on a node where they really run: docs/how-to/run-projects-on-kubernetes.md.

Not exercised: network policies (no network plugin that enforces them), kube-proxy and Service addresses (Traefik takes
pods' own), GPUs, sandboxed runtimes, volumes of a cloud, and ways out of the cluster (pods have no route).
"""

from __future__ import annotations

import base64
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.control_plane import control_plane
from tests.cluster.gate import Answer, Gate, gate
from tests.cluster.programs import ClusterError
from tests.cluster.real_images import RealImages, real_images
from tests.cluster.real_node import USERS, RealNode, flags, real_node
from tests.cluster.test_platform_stack import PlatformStack
from tests.cluster.web_socket import UPGRADE, converse
from tests.live import prepare_stack

pytestmark = pytest.mark.heavy
STORAGE_CLASS = "on-the-node"
READY_SECONDS = 240
DEVELOPER = 1000
INITIALIZE = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": 1}}


@dataclass(frozen=True, slots=True)
class Workspace:
    """A project that runs on the node. ``seconds`` and what else was measured is in ``figures``."""

    platform: PlatformStack
    node: RealNode
    gate: Gate
    images: RealImages
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.platform.id("ann")

    @property
    def namespace(self) -> str:
        return f"codeopen-{self.id}"

    def up(self, image: str, state: str = "running") -> None:
        """Declare the project so, and apply that by the CLI."""
        ingress = {"domain": "dev.example.com", "forwardAuth": self.gate.forward_auth}
        project = {"id": self.id, "tier": "starter", "image": image, "state": state}
        self.platform.configure(project, ingress=ingress, storageClass=STORAGE_CLASS)
        self.platform.live.codeopen("up")

    def ready(self) -> dict[str, Any]:
        """Its pod, once it is Ready; fails with what Kubernetes and the pod say."""
        kubectl = self.platform.cluster.kubectl
        try:
            return self.platform.cluster.wait_for_pod(self.namespace, "workspace-0", READY_SECONDS)
        except ClusterError:
            where = ("--namespace", self.namespace)
            told = kubectl("describe", "pod", *where, check=False) + kubectl("logs", "workspace-0", *where, check=False)
            pytest.fail(f"the workspace isn't Ready after {READY_SECONDS} s\n{told}", pytrace=False)

    def measure(self, name: str, started: float) -> None:
        self.figures[name] = round(time.monotonic() - started, 1)

    def run(self, script: str) -> str:
        """What a shell script says in the pod."""
        return self.platform.cluster.kubectl(
            "exec", "--namespace", self.namespace, "workspace-0", "--", "sh", "-c", script
        ).strip()

    def login(self, port: str) -> dict[str, str]:
        """The headers that a port's own password makes, as ``codeopen project open`` tells it."""
        opened = self.platform.live.codeopen("project", "open", self.id, "--format", "json")
        (row,) = (row for row in json.loads(opened.stdout)["ports"] if row["name"] == port)
        words = base64.b64encode(f"{row['username']}:{row['password']}".encode()).decode()
        return {"Authorization": f"Basic {words}"}

    def host(self, port: str) -> str:
        return f"{port}--{self.id}.dev.example.com"

    def ask(self, port: str, path: str, **more: Any) -> Answer:
        """What a port answers through the gate."""
        return self.gate.ask(self.host(port), path, **more)

    def wait_until_served(self, port: str, path: str) -> None:
        """Traefik learns of a route and of a pod a moment after the cluster; then the port asks for its login."""
        self.wait_for(f"{port} behind the gate", lambda: self.ask(port, path).asks)

    def wait_for(self, what: str, ready: Callable[[], object], seconds: float = 60) -> None:
        self.platform.cluster.wait_for(what, ready, seconds)


def volume(node: RealNode, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A disk of the node's: the host-path volumes of the other tests stay root's, whatever a pod's ``fsGroup``."""
    folder.mkdir()
    kind = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node.name]}
    spec = {
        "storageClassName": STORAGE_CLASS,
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "20G"},
        "local": {"path": str(folder)},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}},
    }
    return kind, {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "home"}, "spec": spec}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("real")
    for name in ("registry", "cluster", "checkout", "state"):
        (folder / name).mkdir()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        images = stack.enter_context(real_images(folder / "registry"))
        cluster = stack.enter_context(control_plane(folder / "cluster", flags=flags(folder / "cluster"), users=USERS))
        started = time.monotonic()
        node = stack.enter_context(real_node(cluster, folder / "node"))
        cluster.apply(*volume(node, folder / "disk"))
        live = prepare_stack(folder / "checkout", folder / "state")
        platform = PlatformStack(live, cluster)
        made = Workspace(platform, node, stack.enter_context(gate(cluster)), images)
        made.measure("node and gate", started)
        started = time.monotonic()
        made.up(images.first)
        made.measure("first up", started)
        made.ready()
        made.measure("first up to Ready, with the image's pull", started)
        yield made


def test_it_runs_with_what_was_computed_and_no_more(workspace: Workspace) -> None:
    pod = workspace.ready()
    (status,) = pod["status"]["containerStatuses"]
    assert (status["ready"], status["started"], status["restartCount"]) == (True, True, 0)
    assert pod["spec"]["nodeName"] == workspace.node.name
    bounds = workspace.node.bounds(pod)
    assert (bounds.memory, bounds.cpus) == (2 << 30, 1.0), "a starter's"
    workspace.figures["MB in use, idle"] = bounds.used // 1_000_000
    users = {line for process in bounds.processes for line in _users(process)}
    assert users == {DEVELOPER}
    assert workspace.run("id -u; id -g; cat /proc/self/status | grep -E 'CapEff|NoNewPrivs|Seccomp:'").split() == [
        *("1000", "1000", "CapEff:", "0000000000000000", "NoNewPrivs:", "1", "Seccomp:", "2")
    ]
    assert workspace.run("ls /var/run/secrets 2>&1 || true").endswith("No such file or directory"), "no token"


def _users(process: int) -> set[int]:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("Uid:"))
    return {int(word) for word in line.split()[1:]}


def test_the_gate_asks_first_and_each_port_after_it(workspace: Workspace) -> None:
    for port, path in (("opencode", "/session"), ("acp-gateway", "/metrics")):
        login = workspace.login(port)
        workspace.wait_until_served(port, path)
        refused = workspace.ask(port, path, headers=login, passing=False)
        assert (refused.status, refused.asks) == (401, False), "the gate's own refusal, whatever the port would say"
        unknown = workspace.ask(port, path)
        assert (unknown.status, unknown.asks) == (401, True), "the port's"
        assert workspace.ask(port, path, headers={"Authorization": "Basic eDp5"}).status == 401
        assert workspace.ask(port, path, headers=login).status == 200
    assert workspace.ask("acp-gateway", "/healthz", passing=False).status == 401, "what probes ask isn't open to all"


def test_an_agent_speaks_through_the_gate(workspace: Workspace) -> None:
    login = workspace.login("acp-gateway")
    assert workspace.ask("acp-gateway", "/acp", headers={**UPGRADE, **login}, passing=False).status == 401
    assert workspace.ask("acp-gateway", "/acp", headers=UPGRADE).status == 401
    assert workspace.ask("acp-gateway", "/acp", headers={**UPGRADE, **login}).status == 101
    headers = workspace.gate.headers(workspace.host("acp-gateway"), login)
    answer = converse(workspace.gate.port, "/acp", headers, INITIALIZE)
    assert (answer["id"], answer["result"]["protocolVersion"]) == (1, 1)


def test_probes_notice_a_service_that_ends(workspace: Workspace) -> None:
    supervisor = "supervisorctl -c /etc/supervisor/supervisord.conf"
    workspace.ready()
    workspace.run(f"{supervisor} stop opencode")
    cluster = workspace.platform.cluster

    def unready() -> bool:
        (pod,) = workspace.platform.pods("ann")
        return {"Ready": "False"}.items() <= {
            each["type"]: each["status"] for each in pod["status"]["conditions"]
        }.items()

    started = time.monotonic()
    workspace.wait_for("the pod not Ready", unready, 90)
    workspace.measure("OpenCode's end to not Ready", started)
    workspace.wait_for("no route to it", lambda: workspace.ask("opencode", "/session").status == 503)
    workspace.run(f"{supervisor} start opencode")
    pod = workspace.ready()
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0
    messages = [each["message"] for each in cluster.items("events", workspace.namespace)]
    failures = [message for message in messages if message.startswith("Readiness probe")]
    assert any("opencode-server: port 4096 answered" in message for message in failures), "\n".join(failures)


def test_logs_and_names(workspace: Workspace) -> None:
    cluster = workspace.platform.cluster
    assert "opencode" in cluster.kubectl("logs", "--namespace", workspace.namespace, "workspace-0")
    address = cluster.get("service", "workspace", namespace=workspace.namespace)["spec"]["clusterIP"]
    name = f"workspace.{workspace.namespace}.svc.cluster.local"
    assert workspace.run(f"getent hosts workspace {name}").split() == [address, name] * 2
    assert workspace.run("getent hosts example.com || echo none") == "none"


def test_work_survives_sleep_and_a_new_image(
    workspace: Workspace, record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    login = {**workspace.login("opencode"), "Content-Type": "application/json"}
    created = workspace.ask("opencode", "/session", method="POST", headers=login, body=b'{"title": "kept"}')
    session = json.loads(created.body)["id"]
    workspace.run("echo kept >~/workspace/kept")

    def assert_kept() -> None:
        assert workspace.run("cat ~/workspace/kept") == "kept"
        workspace.wait_until_served("opencode", "/session")
        found = workspace.ask("opencode", f"/session/{session}", headers=login)
        assert (found.status, json.loads(found.body)["title"]) == (200, "kept"), found.body

    assert_kept()
    before = workspace.ready()["metadata"]["uid"]
    started = time.monotonic()
    workspace.up(workspace.images.first, "hibernated")
    workspace.wait_for("the pod gone", lambda: not workspace.platform.pods("ann"))
    workspace.measure("hibernating", started)
    workspace.wait_for("nobody behind the gate", lambda: workspace.ask("opencode", "/session").status == 503)
    assert workspace.ask("opencode", "/session", passing=False).status == 401

    started = time.monotonic()
    workspace.up(workspace.images.first)
    awake = workspace.ready()
    workspace.measure("waking", started)
    assert awake["metadata"]["uid"] != before
    assert_kept()

    # A new digest waits for the pod's end.
    workspace.up(workspace.images.second)
    (running,) = workspace.platform.pods("ann")
    assert running["metadata"]["uid"] == awake["metadata"]["uid"]
    assert running["status"]["containerStatuses"][0]["imageID"] == workspace.images.first
    started = time.monotonic()
    told = workspace.platform.live.codeopen("project", "upgrade", workspace.id, "--wait", "--format", "json")
    workspace.measure("upgrade to Ready", started)
    assert json.loads(told.stdout)["projects"][0]["status"] == "changed"
    upgraded = workspace.ready()
    assert upgraded["metadata"]["uid"] != awake["metadata"]["uid"]
    assert upgraded["status"]["containerStatuses"][0]["imageID"] == workspace.images.second
    assert_kept()

    for name, value in workspace.figures.items():
        record_property(name, value)
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(f"{name}: {value}" for name, value in workspace.figures.items()) + "\n")
