"""``codeopen up``, ``codeopen down`` and ``codeopen status``.

JSON of ``up`` and ``status``: ``images`` (``part``, ``image``, ``reference``, ``unpacked_bytes``, ``compressed_bytes``,
``work``, ``seconds``) and ``projects`` (``project``, ``url``, ``cpu``, ``memory``, ``storage_gb``, ``health``); of
``up --dry-run`` and ``down``: ``changes`` (``operation``, ``type``, ``name``).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.table import render_table, short_digest
from codeopen.environment.stack_file import read_stack_values
from codeopen.errors import ProjectError, RunFailedError
from codeopen.platform.deploy.events import Event
from codeopen.platform.deploy.report import ImageRow, ProjectRow, as_data, list_images, list_projects
from codeopen.platform.deploy.stack import Stack, Watch
from codeopen.platform.projects.listed import read_held

MEGABYTE = 1_000_000
_PROTECTED = "protect"
STORAGE_NOTE = "Docker does not limit a project's disk: STORAGE is the tier's size, which only Kubernetes enforces.\n"


def up(invocation: Invocation) -> Outcome:
    """Apply a stack and print what it holds."""
    stack, preview = open_stack(invocation), invocation.options.dry_run
    try:
        events = stack.up(progress(), preview=preview)
    except RunFailedError as error:
        if _PROTECTED in str(error):
            _refuse_vanished(stack, error)
        raise
    return _changes(events, invocation) if preview else _holds(stack, events, invocation)


def _refuse_vanished(stack: Stack, failure: RunFailedError) -> None:
    """Raise ProjectError where a cluster's project is no longer listed: the CLI names a resource, and no way out."""
    listed = {each.get("id") for each in read_stack_values(stack.checkout, stack.name).get("projects") or []}
    if vanished := sorted(set(read_held(stack.state())) - listed):
        told = [
            f"project {each!r}: it is no longer in codeopen:projects, but its disk and logins are kept. Put its entry "
            "back with `state: removed`, or delete them for ever by "
            f"`codeopen project remove {each} --with-data --yes`"
            for each in vanished
        ]
        raise ProjectError("\n".join([*told, str(failure)])) from failure


def down(invocation: Invocation) -> Outcome:
    """Stop and remove what a stack runs; volumes and credentials stay."""
    return _changes(open_stack(invocation).down(progress()), invocation)


def status(invocation: Invocation) -> Outcome:
    """Print what a stack holds, without changing it."""
    return _holds(open_stack(invocation), (), invocation)


def open_stack(invocation: Invocation) -> Stack:
    """The stack that the options name, in the checkout that the catalog lies in."""
    checkout = checkout_of(invocation.catalog).resolve()
    return Stack(invocation.options.stack, checkout, checkout / ".codeopen" / "stacks")


def progress() -> Watch:
    """Tell each change as it happens, on stderr: stdout is for the result."""

    def tell(event: Event) -> None:
        if event.operation != "same" and not event.type.startswith(("pulumi:", "codeopen:build:", "codeopen:local:")):
            word = "failed to " if event.failed else ""
            kind = event.type.rpartition(":")[2]
            note(f"{word}{event.operation:<8} {kind:<14} {event.name} ({event.seconds} s)")

    def note(text: str) -> None:
        sys.stderr.write(f"  {text}\n")
        sys.stderr.flush()

    return Watch(tell, note)


def _changes(events: Iterable[Event], invocation: Invocation) -> Outcome:
    changed = [event for event in events if event.operation not in {"same", "read"}]
    if invocation.format == "json":
        rows = [{"operation": event.operation, "type": event.type, "name": event.name} for event in changed]
        return Outcome(render_json({"changes": rows}))
    # A replacement is three events of one resource.
    count = len({(event.type, event.name) for event in changed})
    return Outcome(
        "nothing changes\n" if not count else f"{count} resources change\n" if count > 1 else "1 resource changes\n"
    )


def _holds(stack: Stack, events: Iterable[Event], invocation: Invocation) -> Outcome:
    outputs = stack.outputs()
    images = list_images(outputs, events)
    projects = list_projects(outputs)
    if invocation.format == "json":
        return Outcome(render_json(as_data(images, projects)))
    on_cluster = any("namespace" in project for project in outputs.get("projects", {}).values())
    return Outcome(_render(images, projects, on_cluster=on_cluster))


def _render(images: Sequence[ImageRow], projects: Sequence[ProjectRow], *, on_cluster: bool) -> str:
    image_rows = [
        (
            f"{row.image}@{short_digest(row.reference.partition('@')[2])}",
            f"{row.unpacked_bytes / MEGABYTE:.0f} MB",
            f"{row.compressed_bytes / MEGABYTE:.0f} MB",
            row.work,
            f"{row.seconds} s" if row.seconds else "",
        )
        for row in images
    ]
    project_rows = [(row.project, row.url, row.cpu, row.memory, f"{row.storage_gb} GB", row.health) for row in projects]
    tables = []
    if image_rows:
        tables.append(render_table(("IMAGE", "UNPACKED", "COMPRESSED", "WORK", "TIME"), image_rows))
    if project_rows:
        title = ("PROJECT", "OPENCODE", "CPU", "MEMORY", "STORAGE", "HEALTH")
        tables.append(render_table(title, project_rows) + ("" if on_cluster else STORAGE_NOTE))
    return "\n".join(tables)
