"""An environment on Kubernetes as its projects see it: the names of their stacks, and each one's configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from codeopen.environment.cluster_settings import ClusterSettings
from codeopen.environment.read_cluster import read_cluster_settings
from codeopen.environment.settings import read_project
from codeopen.environment.stack_file import read_stack_document, read_stack_values
from codeopen.errors import ProjectError, SettingsError
from codeopen.model.plan.projects import Project
from codeopen.platform.deploy.pulumi_cli import run_short
from codeopen.platform.deploy.stack import PROJECT, Stack
from codeopen.platform.projects.declared import declaration

SEPARATOR: Final = ".project."
"""Between the environment and the project's id; no id has a dot."""

_LONGEST_NAME: Final = 100
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
"""The CLI's rule for names of stacks. Source: pulumi sdk/go/common/tokens."""

_OF_A_PROJECT: Final = frozenset(
    f"codeopen:{key}"
    for key in ("catalog", "registry", "owner", "imageVersion", "platforms", "cluster", "registryLogin")
)
"""What a project's stack takes of its environment's configuration: none of the platform's own secrets."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A stack of the checkout with a cluster; ``document`` is its committed configuration file."""

    name: str
    checkout: Path
    document: Mapping[str, Any]
    cluster: ClusterSettings

    @property
    def listed(self) -> Mapping[str, Project]:
        """The projects of the environment's own list, by their ids. Raises SettingsError."""
        values = self.document["config"].get("codeopen:projects") or []
        projects = (read_project(f"codeopen:projects[{number}]", value) for number, value in enumerate(values))
        return {project.id: project for project in projects}

    @property
    def platform(self) -> Stack:
        """The environment's own stack, which has what its list declares."""
        return Stack(self.name, self.checkout, self.checkout / ".codeopen" / "stacks")

    def stack(self, project_id: str, configuration: str | None = None) -> Stack:
        """The stack of a project. Without a configuration it can be asked, and removed, but not applied."""
        name = stack_name(self.name, project_id)
        text = self.render({"id": project_id}) if configuration is None else configuration
        return Stack(name, self.checkout, self.checkout / ".codeopen" / "stacks", text)

    def configuration(self, project: Project, plan_digest: str) -> str:
        """The text of the configuration file of a project's stack."""
        return self.render({**declaration(project), **({"planDigest": plan_digest} if plan_digest else {})})

    def render(self, project: Mapping[str, Any]) -> str:
        """The environment's own configuration with one project: the same bytes for the same values."""
        given = self.document["config"].items()
        config = {key: value for key, value in given if key in _OF_A_PROJECT or not key.startswith("codeopen:")}
        whole = {**self.document, "config": {**config, "codeopen:project": dict(project)}}
        text: str = yaml.safe_dump(whole, allow_unicode=True, width=10_000)
        return text

    def applied(self) -> tuple[str, ...]:
        """The ids of all projects that have a stack. Raises DeployError."""
        listed = json.loads(run_short(["stack", "ls", "--json", "--project", PROJECT], self.checkout))
        names = (entry["name"].rpartition("/")[2].partition(SEPARATOR) for entry in listed)
        return tuple(sorted(project for name, separator, project in names if name == self.name and separator))


def read_environment(checkout: Path, name: str) -> Environment:
    """The environment of that name. Raises SettingsError for one that has no cluster."""
    cluster = read_stack_values(checkout, name).get("cluster")
    if not cluster:
        raise SettingsError(
            f"stack {name!r}: it has no codeopen:cluster, so its projects are those of its own list; "
            "take --stack of a Kubernetes environment, or `codeopen up`"
        )
    return Environment(name, checkout, read_stack_document(checkout, name), read_cluster_settings(cluster))


def stack_name(environment: str, project_id: str) -> str:
    """The name of a project's stack, as ``staging.project.demo``. Raises ProjectError for one that can't be."""
    name = f"{environment}{SEPARATOR}{project_id}"
    if len(name) > _LONGEST_NAME or _NAME.fullmatch(name) is None:
        raise ProjectError(
            f"project {project_id!r}: its stack can't be called {name!r}; a stack's name has at most {_LONGEST_NAME} "
            "letters, digits, dots, hyphens and underscores: rename it"
        )
    return name
