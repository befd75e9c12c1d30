"""``codeopen project open``: what a person needs to open a project. The one command that prints passwords.

JSON: ``project``, ``ports``: rows of ``name``, ``url``, ``username``, ``password``.
"""

from __future__ import annotations

import json
from typing import Any

from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.deploy import open_stack
from codeopen.cli.table import render_table
from codeopen.errors import ProjectError
from codeopen.selection.closest import closest


def run(invocation: Invocation) -> Outcome:
    """Print the address and the login of each port of a project. Raises ProjectError for an unknown one."""
    stack = open_stack(invocation)
    name = invocation.options.project
    projects = stack.outputs().get("projects", {})
    if name not in projects:
        fix = closest(name, projects) if projects else "run `make up` first"
        raise ProjectError(f"project {name!r}: stack {stack.name} has none of that name; {fix}")
    logins = _logins(stack.secrets(), name)
    rows = [
        {"name": port, "url": url, **logins.get(f"project-{name}-{port}", {"username": "", "password": ""})}
        for port, url in projects[name]["urls"].items()
    ]
    if invocation.format == "json":
        return Outcome(render_json({"project": name, "ports": rows}))
    table = [(row["name"], row["url"], row["username"], row["password"]) for row in rows]
    return Outcome(render_table(("PORT", "URL", "USERNAME", "PASSWORD"), table))


def _logins(deployment: dict[str, Any], project: str) -> dict[str, dict[str, str]]:
    """The credentials in a stack's state, by the names of their resources."""
    found = {}
    for resource in deployment.get("resources") or []:
        name = resource["urn"].rpartition("::")[2]
        if resource["type"] == "codeopen:index:Credential" and name.startswith(f"project-{project}-"):
            outputs = resource["outputs"]
            found[name] = {"username": outputs["username"], "password": _plain(outputs["password"])}
    return found


def _plain(value: Any) -> str:
    """A secret of an export with ``--show-secrets``: an object whose ``plaintext`` is JSON."""
    return str(json.loads(value["plaintext"])) if isinstance(value, dict) else str(value)
