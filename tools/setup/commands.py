"""Runs other programs: quietly, with their output kept for the case that they fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

LAST_LINES = 15


class SetupError(Exception):
    """Set-up can't go on. The text says in one line what is missing and how to get it; ``log`` shows the cause."""

    def __init__(self, text: str, log: str = "") -> None:
        super().__init__(text)
        self.log = log


def run(
    command: Sequence[str | Path],
    *,
    failure: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    seconds: float = 1800,
) -> str:
    """Run a command and return its standard output. Raises SetupError(``failure``) with the last lines it printed."""
    # Files, not pipes: a grandchild that keeps a pipe open would outlast the timeout.
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output,
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
    ):

        def log() -> str:
            return last([line for file in (output, errors) for line in _read(file).splitlines()])

        try:
            done = subprocess.run(
                [str(word) for word in command],
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                timeout=seconds,
                check=False,
            )
        except FileNotFoundError as error:
            what = "folder" if cwd is not None and str(error.filename) == str(cwd) else "command"
            raise SetupError(f"{failure} (no {what} {error.filename})") from None
        except OSError as error:
            raise SetupError(f"{failure} ({command[0]} can't be started: {error.strerror})") from None
        except subprocess.TimeoutExpired:
            raise SetupError(f"{failure} ({Path(command[0]).name} took more than {seconds:.0f} s)", log()) from None
        if done.returncode:
            raise SetupError(f"{failure} ({Path(command[0]).name} ended with code {done.returncode})", log())
        return _read(output)


def _read(file: TextIO) -> str:
    file.seek(0)
    return file.read()


def last(lines: Sequence[str]) -> str:
    return "\n".join(lines[-LAST_LINES:])


def succeeds(command: Sequence[str | Path], *, seconds: float = 20, env: Mapping[str, str] | None = None) -> bool:
    """Whether a command can be run and exits 0 in time."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def found(program: str) -> bool:
    """Whether a command is there; those of the administrator are not on every user's PATH."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None
