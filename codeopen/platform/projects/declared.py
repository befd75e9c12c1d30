"""What is declared: projects of a file with the keys of ``codeopen:projects``, or named on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from codeopen.environment.settings import read_project
from codeopen.errors import ProjectError, SettingsError
from codeopen.model.plan.projects import Project

FORM = "ID=TIER,FLAVOR[,ADDON…]"


def read_declared(text: str, file: str) -> tuple[Project, ...]:
    """The projects of a file's text, a YAML list. Raises SettingsError with file and line."""
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode):
            raise SettingsError(f"{file}: is not a list of projects; write them as codeopen:projects")
        places = [f"{file}:{item.start_mark.line + 1}: project" for item in node.value]
        values: list[Any] = [loader.construct_document(item) for item in node.value]
    except (yaml.YAMLError, UnicodeError) as error:
        raise SettingsError(f"{file}: is not YAML ({' '.join(str(error).split())}); correct it") from error
    finally:
        loader.dispose()
    return tuple(read_project(place, value) for place, value in zip(places, values, strict=True))


def parse_selection(text: str) -> Project:
    """A project of the command line, as ``demo=builder,js,gui``. Raises SettingsError."""
    identifier, separator, rest = text.partition("=")
    words = rest.split(",")
    tier_and_flavor = 2
    if not separator or len(words) < tier_and_flavor:
        raise SettingsError(f"--project {text}: is not of the form {FORM}; write it as demo=builder,js,gui")
    tier, flavor, *addons = words
    return read_project(f"--project {text}", {"id": identifier, "tier": tier, "flavor": flavor, "addons": addons})


def refuse_twins(projects: Iterable[Project]) -> tuple[Project, ...]:
    """The same projects. Raises ProjectError where two have one id."""
    by_id: dict[str, Project] = {}
    twins = []
    for project in projects:
        if project.id in by_id:
            twins.append(f"project {project.id!r}: declared twice; remove one or rename it")
        by_id[project.id] = project
    if twins:
        raise ProjectError("\n".join(twins))
    return tuple(by_id.values())


def declaration(project: Project) -> dict[str, Any]:
    """A project with the keys that it is declared by; ``state`` is always there."""
    return {
        "id": project.id,
        "tier": project.selection.tier,
        "flavor": project.selection.flavor,
        "addons": list(project.selection.addons),
        "name": project.name,
        "owner": project.owner,
        "state": project.state.value,
        **({"image": project.image} if project.image else {}),
    }
