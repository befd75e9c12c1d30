"""The Pulumi CLI as processes: short commands, and runs that are followed, interrupted and ended."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from codeopen.environment.children import run, started
from codeopen.errors import DeployError, NoSuchStackError
from codeopen.platform.deploy.events import Event, EventLog

NO_SUCH_STACK: Final = 6
"""The CLI's exit code where the backend has no stack of the name."""

_POLL_SECONDS: Final = 0.25
_SHORT_COMMAND_SECONDS: Final = 120
# A first interrupt lets the CLI finish what it began, a second ends it at once.
_PATIENCE: Final = 60.0


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told of a run: of each resource it is done with, of warnings, and of what had to be put right before.

    ``stopped`` is asked while the run goes on: once it says yes, the CLI is interrupted, and DeployError raised.
    """

    event: Callable[[Event], None]
    note: Callable[[str], None]
    warning: Callable[[str], None] = lambda _: None
    stopped: Callable[[], bool] = _never


def run_short(words: Sequence[str], checkout: Path) -> str:
    """What a command prints that changes or asks one thing. Raises DeployError: NoSuchStackError where that is why."""
    try:
        done = run(
            ["pulumi", "--non-interactive", *words], cwd=checkout, env=_environment(), seconds=_SHORT_COMMAND_SECONDS
        )
    except OSError as error:
        raise _not_started(error) from error
    except subprocess.TimeoutExpired as error:
        raise DeployError(
            f"pulumi {' '.join(words)}: no answer in {_SHORT_COMMAND_SECONDS} s; "
            "see that PULUMI_BACKEND_URL can be reached"
        ) from error
    if done.returncode:
        text = f"pulumi {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}"
        raise NoSuchStackError(text) if done.returncode == NO_SUCH_STACK else DeployError(text)
    return done.stdout


def follow(command: Sequence[str], options: Mapping[str, Any], log: EventLog, watch: Watch) -> int:
    """Run the CLI and tell its events until it ends; returns its exit code. No way out of here leaves it running.

    ``options`` are those of Popen; their ``env`` is added to this process's own.
    """
    environment = {**_environment(), **options["env"]}
    with ExitStack() as running:
        try:
            process = running.enter_context(started(command, patience=_PATIENCE, **{**options, "env": environment}))
        except OSError as error:
            raise _not_started(error) from error
        return _follow(process, log, watch)


def _follow(process: subprocess.Popen[bytes], log: EventLog, watch: Watch) -> int:
    told = 0
    while True:
        try:
            code = process.wait(timeout=_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        finished = log.read()
        for image in log.take_builds():
            watch.note(f"building {image} …")
        for event in finished:
            watch.event(event)
        for warning in log.warnings[told:]:
            watch.warning(warning)
        told = len(log.warnings)
        if code is not None:
            return code
        _refuse_to_go_on(watch)


def _refuse_to_go_on(watch: Watch) -> None:
    if watch.stopped():
        raise DeployError("interrupted; run it again to go on")


def _environment() -> Mapping[str, str]:
    if shutil.which("pulumi") is None:
        raise DeployError("pulumi is not on PATH; run `make setup`, then `. .codeopen/env`")
    # --event-log is one of the CLI's debugging flags.
    return {**os.environ, "PULUMI_DEBUG_COMMANDS": "true"}


def _not_started(error: OSError) -> DeployError:
    return DeployError(f"pulumi can't be started ({error.strerror}); run `make setup`, then `. .codeopen/env`")
