"""An environment for projects' stacks: a cluster, a registry and a state of its own, in a copy of this checkout."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from codeopen.images.compose.image import CONFIG_TYPE, document, image_manifest
from codeopen.images.registry.registry import Registry
from codeopen.model.plan.digest import plan_tag
from codeopen.model.plan.projects import Project
from codeopen.model.selection.selection import Selection
from codeopen.platform.projects.planning import ImagePlans, read_plans
from tests.cluster.control_plane import ControlPlane
from tests.live import copy_checkout
from tests.unit.images.registry.real_registry import RealRegistry

NAME = "team"
PRIORITY: dict[str, Any] = {
    "apiVersion": "scheduling.k8s.io/v1",
    "kind": "PriorityClass",
    "metadata": {"name": "codeopen-workspace"},
    "value": 1000,
}


@dataclass
class Environment:
    """``codeopen project …`` on it, and what came of that."""

    checkout: Path
    cluster: ControlPlane
    registry: Registry
    environment: dict[str, str]
    kubeconfig: str = ""
    files: list[Path] = field(default_factory=list)

    def configure(self, **cluster: Any) -> None:
        """Write its configuration; ``cluster`` is more of ``codeopen:cluster``."""
        values = {
            "codeopen:registry": self.registry.host,
            "codeopen:substitutes": True,
            "codeopen:cluster": {
                "kubeconfig": self.kubeconfig or str(self.cluster.kubeconfig),
                "ingress": {"domain": "dev.example.com"},
                **cluster,
            },
        }
        (self.checkout / "stacks" / f"Pulumi.{NAME}.yaml").write_text(yaml.safe_dump({"config": values}))

    @property
    def plans(self) -> ImagePlans:
        return read_plans(self.checkout, NAME)

    def publish(self, *selections: tuple[str, ...], note: str = "") -> None:
        """Push a tiny image as the one of each selection's plan: a flavor, then add-ons."""
        plans = self.plans
        for flavor, *addons in selections:
            project = Project("x", Selection("power", flavor, tuple(addons)))
            repository, digest = plans.repository(project), plans.digest(project)
            content = {"architecture": "amd64", "os": "linux", "config": {"Labels": {"note": note or digest}}}
            config = document(CONFIG_TYPE, {**content, "rootfs": {"type": "layers", "diff_ids": []}})
            path = repository.partition("/")[2]
            self.registry.upload_blob(path, config.digest, config.content)
            manifest = image_manifest(config, [], {})
            self.registry.write_manifest(path, plan_tag(digest), manifest.media_type, manifest.content)

    def declare(self, *projects: dict[str, Any]) -> str:
        file = self.checkout / f"projects-{len(self.files)}.yaml"
        self.files.append(file)
        file.write_text(yaml.safe_dump(list(projects)))
        return file.name

    def project(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """``codeopen project WORDS``."""
        command = [sys.executable, "-m", "codeopen.cli", "project", *words, "--stack", NAME]
        return subprocess.run(
            command,
            cwd=self.checkout,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    def rows(self, *words: str, code: int = 0, **environment: str) -> dict[str, dict[str, Any]]:
        """The rows that a command prints as JSON, by project."""
        done = self.project(*words, "--format", "json", **environment)
        assert done.returncode == code, f"{words} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return {row["project"]: row for row in json.loads(done.stdout)["projects"]}

    def statuses(self, *words: str, code: int = 0) -> dict[str, str]:
        return {project: row["status"] for project, row in self.rows(*words, code=code).items()}

    def uid(self, project: str, kind: str, name: str) -> str:
        """An object's identity: another one of its name has another."""
        where = None if kind == "namespace" else f"codeopen-{project}"
        found: str = self.cluster.get(kind, name, namespace=where)["metadata"]["uid"]
        return found

    def pods(self, project: str) -> list[str]:
        """The identities of a project's pods that are not about to end."""
        listed = self.cluster.items("pods", f"codeopen-{project}")
        return [pod["metadata"]["uid"] for pod in listed if not pod["metadata"].get("deletionTimestamp")]

    @contextmanager
    def locked(self, project: str) -> Iterator[None]:
        """As while another run works on the project's stack: a lock file of a process that lives."""
        backend = Path(self.environment["PULUMI_BACKEND_URL"].removeprefix("file://").partition("?")[0])
        folder = backend / ".pulumi" / "locks" / "organization" / "codeopen" / f"{NAME}.project.{project}"
        folder.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC).isoformat()
        lock = {"pid": os.getpid(), "username": "x", "hostname": socket.gethostname(), "timestamp": now}
        file = folder / "a-test.json"
        file.write_text(json.dumps(lock))
        try:
            yield
        finally:
            file.unlink()

    def image(self, project: str) -> str:
        """What its StatefulSet would run."""
        declared = self.cluster.get("statefulset", "workspace", namespace=f"codeopen-{project}")
        image: str = declared["spec"]["template"]["spec"]["containers"][0]["image"]
        return image


def project(identifier: str, *addons: str, **more: Any) -> dict[str, Any]:
    """A declared project."""
    return {"id": identifier, "tier": "starter", "flavor": "js", "addons": list(addons), **more}


@contextmanager
def project_environment(folder: Path, cluster: ControlPlane, registry: RealRegistry) -> Iterator[Environment]:
    """The environment, configured. Projects' namespaces are deleted at the end."""
    copy_checkout(folder / "checkout")
    (folder / "pulumi").mkdir()
    (folder / "passphrase").write_text("of this test")
    environment = {
        **os.environ,
        "PULUMI_BACKEND_URL": f"file://{folder / 'pulumi'}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(folder / "passphrase"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PYTHONPATH": str(folder / "checkout"),
    }
    made = Environment(folder / "checkout", cluster, Registry(registry.host), environment)
    made.configure()
    cluster.apply(PRIORITY)
    before = {each["metadata"]["name"] for each in cluster.items("namespaces")}
    try:
        yield made
    finally:
        after = {each["metadata"]["name"] for each in cluster.items("namespaces")}
        for name in sorted(after - before):
            cluster.kubectl("delete", "namespace", name, "--wait=false")
        cluster.kubectl("delete", "priorityclass", str(PRIORITY["metadata"]["name"]))
