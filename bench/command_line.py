"""The start of the command line beside the start of Python, alone and with what the catalog's reading imports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.figures import Figure, medians

NOTHING = "python -c pass"
IMPORTS = 'python -c "import argparse, json, yaml, jsonschema"'
COMMANDS = {
    "codeopen --help": NOTHING,
    "codeopen resolve --tier builder --flavor js": IMPORTS,
    "codeopen plan combinations --all": IMPORTS,
}


def measure(root: Path, runs: int) -> list[Figure]:
    """Each command beside the program that is its floor."""
    subjects: dict[str, Callable[[], object]] = {
        NOTHING: partial(_run, root, [sys.executable, "-c", "pass"]),
        IMPORTS: partial(_run, root, [sys.executable, "-c", "import argparse, json, yaml, jsonschema"]),
    }
    program = str(Path(sys.executable).with_name("codeopen"))
    subjects |= {command: partial(_run, root, [program, *command.split()[1:]]) for command in COMMANDS}
    taken = medians(subjects, runs)
    return [
        Figure("command line", command, taken[command], floor, taken[floor], runs)
        for command, floor in COMMANDS.items()
    ]


def _run(root: Path, command: list[str]) -> None:
    subprocess.run(command, cwd=root, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
