"""``codeopen addon new``: starts an add-on.

JSON: ``addon``, ``files`` (paths in the checkout, the catalog's first), ``entry`` (the text that was appended).
"""

from __future__ import annotations

from codeopen.authoring.new_part.addon import NewAddon, draft_addon
from codeopen.authoring.new_part.writing import write_addon
from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.table import render_pairs
from codeopen.model.catalog.read import read_catalog


def new(invocation: Invocation) -> Outcome:
    """Add an add-on to the catalog and write its folder, all or nothing."""
    options = invocation.options
    addon = draft_addon(read_catalog(invocation.catalog), options.addon, options.name, options.port)
    write_addon(addon, invocation.catalog, checkout_of(invocation.catalog))
    data = f"{invocation.catalog}/addons.yaml"
    files = [data, *(f"{addon.directory}/{name}" for name in addon.files)]
    if invocation.format == "json":
        return Outcome(render_json({"addon": addon.id, "files": files, "entry": addon.entry}))
    return Outcome(render_added(addon, data))


def render_added(addon: NewAddon, data: str) -> str:
    """What was written, and what to do next."""
    told = {
        "Dockerfile": "installs a sample package: put your own in its place",
        "README.md": "says what is in it, for people",
        "service.py": "a sample service: put your own in its place",
        "supervisor.conf": "starts the service, and starts it again when it ends",
    }
    rows = [(data, "its entry, at the end: set its description, price, limits and checks")]
    rows += [(f"{addon.directory}/{name}", told[name]) for name in addon.files]
    steps = [
        (f"codeopen addon test {addon.id}", "builds it alone and verifies it; it passes as it is"),
        ("codeopen catalog check", "after every edit of its entry"),
        (f"codeopen part readme {addon.id} --write", "then too: its README repeats the entry"),
        ("docs/how-to/add-an-addon.md", "what an entry and a Dockerfile have to keep to"),
    ]
    return f"Added {addon.id}:\n{_indent(rows)}\nNext:\n{_indent(steps)}"


def _indent(pairs: list[tuple[str, str]]) -> str:
    return "".join(f"  {line}\n" for line in render_pairs(pairs).splitlines())
