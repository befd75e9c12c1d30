"""Stand-ins for what ``codeopen project …`` works with: stacks, plans and a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from codeopen.errors import ClusterError, NoSuchStackError, ProjectError
from codeopen.model.plan.projects import Project
from codeopen.platform.deploy.events import Event
from codeopen.platform.deploy.stack import Watch
from codeopen.platform.projects.workspace import Workspace

OLD, NEW = f"sha256:{'0' * 64}", f"sha256:{'9' * 64}"
UPDATED = Event("update", "kubernetes:apps/v1:StatefulSet", "w", 1, built=False, failed=False)


def deployment(project: str, **more: Any) -> dict[str, Any]:
    declared = {"id": project, "tier": "starter", "flavor": "js", "addons": [], "state": "running", **more}
    output = {"declared": declared, "urls": {"opencode": f"https://opencode--{project}.dev"}}
    login = {"username": "codeopen", "password": {"plaintext": '"secret"'}}
    urn = f"urn:pulumi:s::codeopen::codeopen:index:Credential::project-{project}-opencode"
    return {
        "resources": [
            {"type": "pulumi:pulumi:Stack", "urn": "u", "outputs": {"project": output}},
            {"type": "codeopen:index:PublishedImage", "urn": "v", "inputs": {"planDigest": OLD}},
            {"type": "codeopen:index:Credential", "urn": urn, "outputs": login},
        ]
    }


@dataclass
class Stacks:
    """Stands in for all stacks: what each holds, and what each was asked for."""

    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    applied: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: tuple[Event, ...] = (UPDATED,)
    error: Exception | None = None
    platform: dict[str, Any] = field(default_factory=dict)
    """The state of the environment's own stack."""


@dataclass
class Platform:
    """Stands in for the environment's own stack."""

    stacks: Stacks

    def state(self) -> dict[str, Any]:
        return self.stacks.platform

    def remove_resources(self, urns: Sequence[str], _: Watch, also: Callable[[], None]) -> tuple[Event, ...]:
        also()
        self.stacks.asked.append(("remove", " ".join(urn.rpartition("::")[2] for urn in urns)))
        return self.stacks.events


def platform_state(*projects: str, workload: bool) -> dict[str, Any]:
    """What the state of an environment's own stack has of the projects of its list."""
    resources: list[dict[str, Any]] = [{"type": "pulumi:pulumi:Stack", "urn": "u"}]
    for project in projects:
        component = f"urn:pulumi:s::codeopen::codeopen:kubernetes:ProjectStack::project-{project}"
        kinds = ["kubernetes:core/v1:Namespace", *(["kubernetes:apps/v1:StatefulSet"] if workload else [])]
        resources.append({"type": "codeopen:kubernetes:ProjectStack", "urn": component, "parent": "u"})
        for kind in kinds:
            urn = f"urn:pulumi:s::codeopen::{kind}::project-{project}-{kind.rpartition(':')[2].lower()}"
            resources.append({"type": kind, "urn": urn, "parent": component})
    return {"resources": resources}


@dataclass
class OneStack:
    stacks: Stacks
    project: str
    configuration: str | None

    def _do(self, what: str) -> tuple[Event, ...]:
        self.stacks.asked.append((what, self.project))
        if self.stacks.error:
            raise self.stacks.error
        return self.stacks.events

    def up(self, _: Watch, *, preview: bool, adopt: bool) -> tuple[Event, ...]:
        assert not adopt
        self.stacks.applied[self.project] = yaml.safe_load(str(self.configuration))["config"]["codeopen:project"]
        return self._do("preview" if preview else "up")

    def down(self, _: Watch) -> tuple[Event, ...]:
        return self._do("down")

    def remove(self, _: Watch, also: Callable[[], None]) -> tuple[Event, ...]:
        also()
        return self._do("remove")

    def state(self) -> dict[str, Any]:
        if self.project not in self.stacks.states:
            raise NoSuchStackError("no stack named so")
        return self.stacks.states[self.project]

    secrets = state


class Plans:
    def digest(self, project: Project) -> str:
        if project.selection.tier == "enormous":
            raise ProjectError("tier 'enormous': the catalog has none of that id")
        return NEW


class Cluster:
    """Stands in for the API server."""

    def __init__(self, *found: Workspace) -> None:
        self.found = {each.project: each for each in found}
        self.asked: list[str] = []
        self.unready: dict[str, str] = {}

    def workspaces(self) -> dict[str, Workspace]:
        return self.found

    def revision_created(self, _: Workspace) -> datetime:
        return datetime.now(UTC) - timedelta(hours=9)

    def delete_pod(self, workspace: Workspace) -> None:
        if workspace.project == "stuck":
            raise ClusterError("pod: the API server says 403 Forbidden")
        self.asked.append(f"delete pod of {workspace.project}")

    def delete_namespace(self, namespace: str, _: float) -> None:
        self.asked.append(f"delete {namespace}")

    def wait_until(self, _: object, projects: Iterable[str], seconds: float) -> dict[str, str]:
        self.asked.append(f"wait {seconds:.0f} s for {','.join(projects)}")
        return self.unready


def workspace(project: str, *, outdated: bool = False, hours: int = 0, hibernated: bool = False) -> Workspace:
    labels = {"controller-revision-hash": "old" if outdated else "new"}
    pod = {"metadata": {"labels": labels}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    image = f"ghcr.io/o/codeopen-js@{NEW}"
    return Workspace(project, f"codeopen-{project}", hibernated, image, "new", True, hours, None if hibernated else pod)  # noqa: FBT003
