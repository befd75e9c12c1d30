"""Runs other programs: quietly, with their output kept for the case that they fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

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
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        try:
            done = subprocess.run(
                [str(word) for word in command],
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                timeout=seconds,
                check=False,
            )
        except FileNotFoundError:
            raise SetupError(f"{failure} (no command {command[0]})") from None
        except subprocess.TimeoutExpired:
            raise SetupError(f"{failure} ({command[0]} took more than {seconds:.0f} s)") from None
        if done.returncode:
            errors.seek(0)
            lines = [*done.stdout.splitlines(), *errors.read().splitlines()]
            raise SetupError(f"{failure} ({Path(command[0]).name} ended with code {done.returncode})", last(lines))
        return done.stdout


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
    return shutil.which(program) is not None
