"""Colours and rewritten lines are for terminals that show them, and never wrap."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO

import pytest

from codeopen.cli.project_results import ProjectProgress
from codeopen.cli.table import render_table
from codeopen.cli.terminal import has_colours, is_live, paint_error, paint_states, rewritten


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "CI", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_a_terminal_has_colours_and_a_pipe_has_none() -> None:
    assert (is_live(Terminal()), has_colours(Terminal())) == (True, True)
    assert (is_live(StringIO()), has_colours(StringIO())) == (False, False)
    assert (is_live(None), has_colours(None)) == (False, False)


@pytest.mark.parametrize(
    ("name", "value", "live"), [("NO_COLOR", "1", True), ("CI", "true", True), ("TERM", "dumb", False)]
)
def test_the_environment_forbids_colours(monkeypatch: pytest.MonkeyPatch, name: str, value: str, live: bool) -> None:  # noqa: FBT001
    monkeypatch.setenv(name, value)
    assert (is_live(Terminal()), has_colours(Terminal())) == (live, False)


def test_an_empty_no_color_forbids_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    assert has_colours(Terminal())


@pytest.mark.parametrize("columns", [10, 40, 200])
def test_a_rewritten_line_never_wraps(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = rewritten(Terminal(), "x" * 300)
    assert shown == "\r\x1b[K" + "x" * (columns - 1)
    stream = Terminal()
    progress = ProjectProgress(300, stream)
    for number in range(60):
        progress.begun(f"project-{number}")
    assert max(len(line) for line in stream.getvalue().split("\r\x1b[K")) == columns - 1


def test_states_in_cells_are_painted_and_nothing_else() -> None:
    table = render_table(("PROJECT", "STATUS"), [("failed", "failed"), ("a-failed", "healthy"), ("b", "unhealthy")])
    assert paint_states(table).splitlines()[1:] == [
        "failed    \x1b[31mfailed\x1b[0m",
        "a-failed  \x1b[32mhealthy\x1b[0m",
        "b         \x1b[31munhealthy\x1b[0m",
    ]


def test_an_error_is_painted_where_it_says_what_it_is_about() -> None:
    assert paint_error("stack 'x': gone: y\nmore: z\n") == "\x1b[31mstack 'x'\x1b[0m: gone: y\nmore: z\n"
    assert paint_error("") == ""
    assert paint_error("no place\n") == "no place\n"


@pytest.mark.parametrize(("extra", "red"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_the_program_writes_errors_in_red_to_a_real_terminal(extra: dict[str, str], red: bool) -> None:  # noqa: FBT001
    outer, inner = os.openpty()
    command = [sys.executable, "-m", "codeopen.cli", "catalog", "show", "nothing"]
    subprocess.run(command, stderr=inner, stdout=subprocess.DEVNULL, env={**os.environ, **extra}, check=False)
    os.close(inner)
    told = os.read(outer, 10000)
    os.close(outer)
    assert (b"\x1b[31m" in told) is red
    assert b"'nothing'" in told
