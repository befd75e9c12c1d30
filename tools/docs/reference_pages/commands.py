"""All commands with their options, made from the records that the command line itself is made from."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import Any, Final
from unittest.mock import patch

from codeopen.cli.command import Command
from codeopen.cli.commands import COMMANDS, GROUPS
from codeopen.cli.exit_codes import MEANINGS
from reference_pages.table import render_table

_INTRODUCTION: Final = """\
# Commands

Every command takes `--help`, `--catalog DIR` (the catalog's folder; `catalog`) and `--format FORMAT`. On a terminal the
format is text, in a pipe it may be another one. Results go to stdout; progress and errors go to stderr. `--stack`
defaults to the variable `CODEOPEN_STACK`, which `. .codeopen/env` sets."""


class _Recorder(argparse.ArgumentParser):
    """Takes arguments as a parser does, and keeps what was said of each."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = []
        super().__init__(add_help=False)

    def add_argument(self, *names: str, **given: Any) -> argparse.Action:
        action = super().add_argument(*names, **given)
        value = "" if action.nargs == 0 else f" {action.metavar or '|'.join(map(str, action.choices or ()))}"
        spelled = f"{names[0]}{value}" if names[0].startswith("-") else value.strip()
        text = str(action.help or "").replace("%(default)s", str(action.default))
        required = "required" if action.required and action.nargs != "*" else ""
        repeatable = argparse._AppendAction | argparse._ExtendAction  # noqa: SLF001
        many = "repeatable" if isinstance(action, repeatable) or action.nargs in {"*", "+"} else ""
        self.rows.append((f"`{spelled}`", ", ".join(filter(None, (required, many))), text))
        return action


def render_commands() -> str:
    """The page in Markdown. It doesn't depend on the variables of whoever makes it."""
    with patch.dict(os.environ, {"CODEOPEN_STACK": "dev"}):
        sections = [*_sections()]
    codes = render_table(("Exit code", "Means"), [(str(code), meaning) for code, meaning in MEANINGS])
    return "\n\n".join([_INTRODUCTION, "## Exit codes", codes, *sections]) + "\n"


def _sections() -> Iterator[str]:
    summaries = dict(GROUPS)
    titled = ""
    for command in sorted(COMMANDS, key=lambda each: each.words):
        group = command.words[0] if len(command.words) > 1 else ""
        if group and group != titled:
            yield f"## {group}\n\n{_sentence(summaries[group])}"
        titled = group
        yield _section(command, "###" if group else "##")


def _section(command: Command, level: str) -> str:
    recorder = _Recorder()
    for add_arguments in command.arguments:
        add_arguments(recorder)
    formats = ", ".join(f"`{name}`" for name in command.formats)
    parts = [f"{level} `codeopen {' '.join(command.words)}`", f"{_sentence(command.summary)} Formats: {formats}."]
    return "\n\n".join([*parts, *([render_table(("Argument", "", "Meaning"), recorder.rows)] if recorder.rows else [])])


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
