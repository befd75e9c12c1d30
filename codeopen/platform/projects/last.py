"""What a project's stack was last applied with, from its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from codeopen.environment.settings import read_project
from codeopen.errors import ProjectError
from codeopen.model.plan.projects import Project

_STACK: Final = "pulumi:pulumi:Stack"
_IMAGE: Final = "codeopen:index:PublishedImage"


@dataclass(frozen=True, slots=True)
class Last:
    """The project as it was declared, and the plan digest of the image that it has; empty for a pinned one."""

    project: Project
    plan_digest: str


def read_last(state: Mapping[str, Any], project_id: str) -> Last:
    """What the state of a project's stack says. Raises ProjectError where nothing is applied (any more)."""
    outputs: Mapping[str, Any] = {}
    digest = ""
    for resource in state.get("resources") or []:
        if resource["type"] == _STACK:
            outputs = resource.get("outputs") or {}
        elif resource["type"] == _IMAGE:
            digest = str(resource["inputs"]["planDigest"])
    declared = (outputs.get("project") or {}).get("declared")
    if not declared:
        raise ProjectError(f"project {project_id!r}: its stack has no workload; declare it: `codeopen project apply`")
    return Last(read_project(f"project {project_id!r}", declared), digest)
