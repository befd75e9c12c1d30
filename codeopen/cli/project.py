"""``codeopen project open``: what a person needs to open a project. The one command that prints passwords.

JSON: ``project``, ``ports``: rows of ``name``, ``url``, ``username``, ``password``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.deploy import open_stack
from codeopen.cli.table import render_table
from codeopen.environment.stack_file import read_stack_values
from codeopen.errors import NoSuchProjectError, NoSuchStackError, ProjectError
from codeopen.model.plan.projects import State
from codeopen.model.selection.closest import closest
from codeopen.platform.projects.project_stacks import read_environment

Logins = dict[str, dict[str, str]]


def run(invocation: Invocation) -> Outcome:
    """Print the address and the login of each port of a project. Raises ProjectError for an unknown one."""
    name = invocation.options.project
    urls, logins = _own(invocation, name) or _of_all(invocation, name)
    rows = [
        {"name": port, "url": url, **logins.get(f"project-{name}-{port}", {"username": "", "password": ""})}
        for port, url in urls.items()
    ]
    if invocation.format == "json":
        return Outcome(render_json({"project": name, "ports": rows}))
    table = [(row["name"], row["url"], row["username"], row["password"]) for row in rows]
    return Outcome(render_table(("PORT", "URL", "USERNAME", "PASSWORD"), table))


def _own(invocation: Invocation, name: str) -> tuple[dict[str, str], Logins] | None:
    """What the project's own stack says, where the environment is a cluster and the project has one."""
    checkout = checkout_of(invocation.catalog).resolve()
    if not read_stack_values(checkout, invocation.options.stack).get("cluster"):
        return None
    try:
        deployment = read_environment(checkout, invocation.options.stack).stack(name).secrets()
    except NoSuchStackError:
        return None
    outputs: dict[str, Any] = {}
    for resource in deployment.get("resources") or []:
        if resource["type"] == "pulumi:pulumi:Stack":
            outputs = resource.get("outputs") or {}
    if "project" not in outputs:
        raise NoSuchProjectError(f"project {name!r}: its stack has no workload; declare it: `codeopen project apply`")
    return _urls(outputs["project"], name), _logins(deployment, name)


def _of_all(invocation: Invocation, name: str) -> tuple[dict[str, str], Logins]:
    """What the stack of the whole environment says."""
    stack = open_stack(invocation)
    projects = stack.outputs().get("projects", {})
    if name not in projects:
        fix = closest(name, projects) if projects else "run `make up` first"
        raise NoSuchProjectError(f"project {name!r}: stack {stack.name} has none of that name; {fix}")
    return _urls(projects[name], name), _logins(stack.secrets(), name)


def _urls(described: Mapping[str, Any], name: str) -> dict[str, str]:
    if described.get("state") == State.REMOVED:
        raise ProjectError(f"project {name!r}: it is removed; declare it with the state running to open it again")
    urls: dict[str, str] = described["urls"]
    return urls


def _logins(deployment: dict[str, Any], project: str) -> Logins:
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
