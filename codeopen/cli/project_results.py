"""What came of many projects: told while it happens on stderr, and at the end as a table or JSON."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from threading import Lock
from typing import Any, Final, TextIO

from codeopen.cli.command import render_json
from codeopen.cli.table import render_table
from codeopen.cli.terminal import is_live, rewritten
from codeopen.platform.projects.apply import Progress, Result, Status

_WIDTH: Final = 100


class ProjectProgress(Progress):
    """On a terminal one line that says how far it is; elsewhere a line for each project that changed or failed."""

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        self._total = total
        self._stream = stream or sys.stderr
        self._live = is_live(self._stream)
        self._running: dict[str, None] = {}
        self._done: Counter[Status] = Counter()
        self._lock = Lock()

    def begun(self, project: str) -> None:
        with self._lock:
            self._running[project] = None
            self._show()

    def ended(self, result: Result) -> None:
        with self._lock:
            self._running.pop(result.project, None)
            self._done[result.status] += 1
            if result.status is not Status.UNCHANGED:
                cause = f": {_cause(result.message)}" if result.message else ""
                self._line(f"{result.project} {result.status}{cause} ({result.seconds:.1f} s)")
            self._show()

    def note(self, project: str, text: str) -> None:
        with self._lock:
            self._line(f"{project}: {text}")
            self._show()

    def close(self) -> None:
        """Take the live line away."""
        if self._live:
            self._write(rewritten(self._stream, ""))

    def _line(self, text: str) -> None:
        self._write(f"{rewritten(self._stream, '') if self._live else ''}  {text}\n")

    def _show(self) -> None:
        if self._live:
            counted = ", ".join(f"{count} {status}" for status, count in sorted(self._done.items()))
            text = f"{sum(self._done.values())} of {self._total} done{f' ({counted})' if counted else ''}"
            under_way = f"; under way: {', '.join(self._running)}" if self._running else ""
            self._write(rewritten(self._stream, text + under_way))

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def render_results(
    results: Sequence[Result], unready: Mapping[str, str] | None, *, dry_run: bool, as_json: bool
) -> str:
    """All results; ``unready`` says for which projects waiting was in vain, and is None where nobody waited."""
    if as_json:
        return render_json({"dry_run": dry_run, "projects": [_row(result, unready) for result in results]})
    rows = [(each.project, _status(each, dry_run=dry_run), _what(each), f"{each.seconds:.1f} s") for each in results]
    text = render_table(("PROJECT", "STATUS", "RESOURCES", "TIME"), rows) if rows else "no project\n"
    for result in results:
        if result.message:
            text += f"\n{result.project}: {result.message}\n"
    for project, reason in (unready or {}).items():
        text += f"\n{project}: not ready: {reason}\n"
    return text + _warnings(results)


def _row(result: Result, unready: Mapping[str, str] | None) -> dict[str, Any]:
    row = asdict(result)
    row["status"] = result.status.value
    row["changes"] = [asdict(change) for change in result.changes]
    row["warnings"] = list(result.warnings)
    if unready is not None:
        row["ready"] = unready.get(result.project, "")
    return row


def _status(result: Result, *, dry_run: bool) -> str:
    if dry_run and result.status is Status.CHANGED:
        return "would change"
    return result.status.value


def _what(result: Result) -> str:
    """The changes, those of one kind together: ``update StatefulSet``, ``create 14``."""
    few = 3
    counted = Counter(change.operation for change in result.changes)
    if len(result.changes) > few:
        return ", ".join(f"{operation} {count}" for operation, count in sorted(counted.items()))
    return ", ".join(f"{change.operation} {change.type.rpartition(':')[2]}" for change in result.changes)


def _warnings(results: Sequence[Result]) -> str:
    """Each warning once: what a plugin says of itself, it says in every run."""
    projects: dict[str, list[str]] = {}
    for result in results:
        for warning in result.warnings:
            projects.setdefault(warning, []).append(result.project)
    lines = [
        f"warning ({names[0] if len(names) == 1 else f'{len(names)} projects'}): {warning}\n"
        for warning, names in projects.items()
    ]
    return "\n" + "".join(lines) if lines else ""


def _cause(message: str) -> str:
    """The line of a message that says most: the first after the CLI's own."""
    lines = [line for line in message.splitlines() if line.strip()]
    return (lines[1] if len(lines) > 1 and lines[0].startswith("pulumi ") else lines[0])[:_WIDTH]
