"""``codeopen up``, ``codeopen down`` and ``codeopen status``.

JSON of ``up`` and ``status``: ``images`` (``part``, ``reference``, ``unpacked_bytes``, ``compressed_bytes``, ``work``,
``seconds``) and ``projects`` (``project``, ``url``, ``cpu``, ``memory``, ``storage_gb``, ``health``); of
``up --dry-run`` and ``down``: ``changes`` (``operation``, ``type``, ``name``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence

from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.table import render_table
from codeopen.deploy.events import Event
from codeopen.deploy.report import ImageRow, ProjectRow, as_data, list_images, list_projects
from codeopen.deploy.stack import Stack

MEGABYTE = 1_000_000
STORAGE_NOTE = "Docker does not enforce the storage size; it is what the tier sells.\n"


def up(invocation: Invocation) -> Outcome:
    """Apply a stack and print what it holds."""
    stack = _stack(invocation)
    if invocation.options.dry_run:
        return _changes(stack.up(_progress(), preview=True), invocation)
    events = stack.up(_progress())
    return _holds(stack, events, invocation)


def down(invocation: Invocation) -> Outcome:
    """Stop and remove what a stack runs; volumes and credentials stay."""
    return _changes(_stack(invocation).down(_progress()), invocation)


def status(invocation: Invocation) -> Outcome:
    """Print what a stack holds, without changing it."""
    return _holds(_stack(invocation), (), invocation)


def _stack(invocation: Invocation) -> Stack:
    checkout = checkout_of(invocation.catalog).resolve()
    return Stack(invocation.options.stack, checkout, checkout / ".codeopen" / "stacks")


def _progress() -> Callable[[Event], None]:
    """Tell each change as it happens, on stderr: stdout is for the result."""

    def tell(event: Event) -> None:
        if event.operation != "same" and not event.type.startswith(("pulumi:", "codeopen:build:", "codeopen:local:")):
            word = "failed to " if event.failed else ""
            kind = event.type.rpartition(":")[2]
            sys.stderr.write(f"  {word}{event.operation:<8} {kind:<14} {event.name} ({event.seconds} s)\n")
            sys.stderr.flush()

    return tell


def _changes(events: Iterable[Event], invocation: Invocation) -> Outcome:
    changed = [event for event in events if event.operation not in {"same", "read"}]
    if invocation.format == "json":
        rows = [{"operation": event.operation, "type": event.type, "name": event.name} for event in changed]
        return Outcome(render_json({"changes": rows}))
    return Outcome(f"{len(changed)} resources change\n" if changed else "nothing changes\n")


def _holds(stack: Stack, events: Iterable[Event], invocation: Invocation) -> Outcome:
    outputs = stack.outputs()
    images = list_images(outputs, events)
    projects = list_projects(outputs)
    if invocation.format == "json":
        return Outcome(render_json(as_data(images, projects)))
    return Outcome(_render(images, projects))


def _render(images: Sequence[ImageRow], projects: Sequence[ProjectRow]) -> str:
    image_rows = [
        (
            row.reference.partition("@")[0] + "@" + row.reference.partition("@sha256:")[2][:12],
            f"{row.unpacked_bytes / MEGABYTE:.0f} MB",
            f"{row.compressed_bytes / MEGABYTE:.0f} MB",
            row.work,
            f"{row.seconds} s" if row.seconds else "",
        )
        for row in images
    ]
    project_rows = [(row.project, row.url, row.cpu, row.memory, f"{row.storage_gb} GB", row.health) for row in projects]
    text = render_table(("IMAGE", "UNPACKED", "COMPRESSED", "WORK", "TIME"), image_rows)
    if project_rows:
        text += "\n" + render_table(("PROJECT", "OPENCODE", "CPU", "MEMORY", "STORAGE", "HEALTH"), project_rows)
        text += STORAGE_NOTE
    return text
