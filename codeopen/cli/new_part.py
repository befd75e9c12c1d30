"""``codeopen addon new`` and ``codeopen flavor new``: start a part.

JSON: ``addon`` or ``flavor``, ``files`` (paths in the checkout, the catalog's first), ``entry`` (the text that was
appended).
"""

from __future__ import annotations

from typing import Final

from codeopen.authoring.new_part.addon import draft_addon
from codeopen.authoring.new_part.draft import NewPart
from codeopen.authoring.new_part.flavor import draft_flavor
from codeopen.authoring.new_part.writing import write_part
from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.table import render_pairs
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.parts import PartKind

_HOW_TO: Final = {
    PartKind.ADDON: "docs/how-to/add-an-addon.md",
    PartKind.FLAVOR: "docs/how-to/add-a-flavor.md",
}


def new_addon(invocation: Invocation) -> Outcome:
    """Add an add-on to the catalog and write its folder, all or nothing."""
    options = invocation.options
    return _add(invocation, draft_addon(read_catalog(invocation.catalog), options.addon, options.name, options.port))


def new_flavor(invocation: Invocation) -> Outcome:
    """Add a flavor to the catalog and write its folder, all or nothing."""
    options = invocation.options
    return _add(invocation, draft_flavor(read_catalog(invocation.catalog), options.flavor, options.name))


def _add(invocation: Invocation, new: NewPart) -> Outcome:
    write_part(new, invocation.catalog, checkout_of(invocation.catalog))
    data = f"{invocation.catalog}/{new.catalog_file}"
    files = [data, *(f"{new.directory}/{name}" for name in new.files)]
    if invocation.format == "json":
        return Outcome(render_json({new.part.kind.value: new.part.id, "files": files, "entry": new.entry}))
    return Outcome(render_added(new, data))


def render_added(new: NewPart, data: str) -> str:
    """What was written, and what to do next."""
    told = {
        "Dockerfile": "installs a sample package: put your own in its place",
        "README.md": "says what is in it, for people",
        "service.py": "a sample service: put your own in its place",
        "supervisor.conf": "starts the service, and starts it again when it ends",
    }
    rows = [(data, "its entry, at the end: set its description and checks")]
    rows += [(f"{new.directory}/{name}", told[name]) for name in new.files]
    steps = [
        (f"codeopen part test {new.part}", "builds it alone and verifies it; it passes as it is"),
        ("codeopen catalog check", "after every edit of its entry"),
        (f"codeopen part readme {new.part} --write", "then too: its README repeats the entry"),
        (
            f"docs/how-to/add-{'a' if new.part.kind is PartKind.FLAVOR else 'an'}-{new.part.kind.value}.md",
            "what an entry and a Dockerfile have to keep to",
        ),
    ]
    return f"Added {new.part.id}:\n{_indent(rows)}\nNext:\n{_indent(steps)}"


def _indent(pairs: list[tuple[str, str]]) -> str:
    return "".join(f"  {line}\n" for line in render_pairs(pairs).splitlines())
