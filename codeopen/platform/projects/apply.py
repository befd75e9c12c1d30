"""Runs many projects' stacks at once: each in processes of its own, so many at a time, and each to its own result."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event as Flag
from threading import Lock, current_thread, main_thread
from typing import Final

from codeopen.errors import CodeOpenError, RunFailedError, StackInUseError
from codeopen.platform.deploy.events import Event
from codeopen.platform.deploy.pulumi_cli import Watch
from codeopen.platform.projects.retry import passes

RETRIES: Final = 2
_PAUSES: Final = (3.0, 15.0)
_POLL_SECONDS: Final = 0.5
_QUIET: Final = frozenset({"same", "read", "refresh"})
_OWN: Final = ("pulumi:pulumi:Stack", "codeopen:kubernetes:")
_REPLACING: Final = frozenset({"create-replacement", "delete-replaced", "replace"})

Work = Callable[[Watch, int], Iterable[Event]]
"""What is done with one project's stack; the number counts tries from 1: before the second, the first broke off."""


class Status(StrEnum):
    """What came of a project."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    IN_USE = "in-use"
    NOT_STARTED = "not-started"

    @property
    def good(self) -> bool:
        return self in {Status.CHANGED, Status.UNCHANGED}


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One resource that changed, or would."""

    operation: str
    type: str
    name: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one project; ``message`` says why where it failed, ``tries`` counts runs of the Pulumi CLI."""

    project: str
    status: Status
    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    message: str = ""
    seconds: float = 0.0
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """A project, and what is to be done with it."""

    project: str
    work: Work


@dataclass(frozen=True, slots=True)
class Halt:
    """What ctrl-C asks for: first that nothing more begins, then that what is under way is cancelled."""

    no_more: Flag = field(default_factory=Flag)
    cancel: Flag = field(default_factory=Flag)

    def press(self) -> None:
        (self.cancel if self.no_more.is_set() else self.no_more).set()


class Progress:
    """Who is told how far it is; both are called from several threads."""

    def begun(self, project: str) -> None:
        """A project is under way."""

    def ended(self, result: Result) -> None:
        """A project is done."""

    def note(self, project: str, text: str) -> None:
        """Something had to be put right, or is tried again."""


def cores() -> int:
    """How many programs this process may have at work at once."""
    return len(os.sched_getaffinity(0))


def run_all(
    tasks: Sequence[Task],
    parallel: int,
    progress: Progress,
    until_reachable: Callable[[], None] = lambda: None,
    halt: Halt | None = None,
) -> tuple[Result, ...]:
    """Do all tasks, ``parallel`` at a time; what fails stops nothing else. One result a task, in their order.

    ``until_reachable`` waits until the cluster answers: before a run is tried again that failed because it didn't.
    """
    pressed = halt or Halt()
    runner = _Runner(progress, until_reachable, pressed)
    with _pressing(pressed), ThreadPoolExecutor(max(1, parallel), thread_name_prefix="project") as threads:
        futures = [threads.submit(runner.run, task) for task in tasks]
        while wait(futures, _POLL_SECONDS).not_done:
            pass
    return tuple(future.result() for future in futures)


@contextmanager
def _pressing(halt: Halt) -> Iterator[None]:
    """Take ctrl-C as a wish, wherever the program is: an exception could come between any two lines."""
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: halt.press())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Runner:
    def __init__(self, progress: Progress, until_reachable: Callable[[], None], halt: Halt) -> None:
        self._progress = progress
        self._until_reachable = until_reachable
        self._waiting = Lock()
        self._halt = halt

    def run(self, task: Task) -> Result:
        """Never raises what is one project's own trouble."""
        if self._halt.no_more.is_set():
            return Result(task.project, Status.NOT_STARTED, message="not started: interrupted before")
        self._progress.begun(task.project)
        result = self._run(task)
        self._progress.ended(result)
        return result

    def _run(self, task: Task) -> Result:
        start = time.monotonic()
        warnings: list[str] = []
        watch = Watch(
            event=lambda _: None,
            note=lambda text: self._progress.note(task.project, text),
            warning=warnings.append,
            stopped=self._halt.cancel.is_set,
        )
        tries = 0
        while True:
            tries += 1
            try:
                changes = changes_of(task.work(watch, tries))
                status, message = (Status.CHANGED if changes else Status.UNCHANGED), ""
            except StackInUseError as error:
                changes, status, message = (), Status.IN_USE, str(error)
            except RunFailedError as error:
                if tries <= RETRIES and passes(error.errors) and self._may_go_on(task.project, error, tries):
                    continue
                changes, status, message = (), Status.FAILED, str(error)
            except (CodeOpenError, OSError) as error:
                changes, status, message = (), Status.FAILED, str(error)
            told = tuple(dict.fromkeys(warnings))
            return Result(task.project, status, changes, told, message, round(time.monotonic() - start, 1), tries)

    def _may_go_on(self, project: str, error: RunFailedError, tries: int) -> bool:
        """Wait for better times, one project at a time asking for them. False when nothing more is to begin."""
        self._progress.note(project, f"tried again, since this may pass: {error.errors[0].splitlines()[0]}")
        if self._halt.no_more.wait(_PAUSES[tries - 1]):
            return False
        with self._waiting:
            self._until_reachable()
        return not self._halt.no_more.is_set()


def changes_of(events: Iterable[Event]) -> tuple[Change, ...]:
    """The resources that a run changed, a replacement as one; what stays, is read or only groups others is left out."""
    found: dict[tuple[str, str], str] = {}
    for event in events:
        if event.operation in _QUIET or event.type.startswith(_OWN):
            continue
        found[event.type, event.name] = "replace" if event.operation in _REPLACING else event.operation
    return tuple(sorted(Change(operation, *key) for key, operation in found.items()))
