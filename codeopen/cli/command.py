"""What a command of the command line is: its words, its options, and what it gives back to be printed."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of a command: its parsed options, the catalog's folder and the output's format."""

    options: argparse.Namespace
    catalog: Path
    format: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command gives back: texts to print (each empty or ended by a newline), and the exit code."""

    output: str = ""
    errors: str = ""
    code: int = 0


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its words, as ``("plan", "parts")``, and where its function is.

    ``run`` names a function from Invocation to Outcome as ``module:function``; its module is imported only when the
    command runs, so that the start of the program stays fast. Formats are the values of ``--format``.
    """

    words: tuple[str, ...]
    summary: str
    run: str
    arguments: tuple[Callable[[argparse.ArgumentParser], None], ...] = ()
    formats: tuple[str, ...] = ("text", "json")
    terminal_format: str = "text"
    pipe_format: str = "text"

    def load(self) -> Callable[[Invocation], Outcome]:
        """Import the command's function."""
        module, _, function = self.run.partition(":")
        loaded: Callable[[Invocation], Outcome] = getattr(importlib.import_module(module), function)
        return loaded


def render_json(value: Any) -> str:
    """JSON for programs: keys in the order they were put in, ASCII, indented, with a newline at the end."""
    return json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False) + "\n"
