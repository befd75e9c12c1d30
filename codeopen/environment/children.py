"""Programs that this one runs. None outlives it, however it ends: by an error, ctrl-C, a signal or a closed pipe.

Each leads a process group, so that a terminal's ctrl-C reaches it once: from here. It is ended the gentlest way first,
with all that is in its group: the Pulumi CLI takes a first interrupt as the wish to finish what it began.
"""

from __future__ import annotations

import os
import select
import signal
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Lock, Thread, current_thread, main_thread
from types import FrameType
from typing import Any, Final

PATIENCE: Final = 10.0
"""Seconds that a program has after the first interrupt, unless its caller gives it others."""

_LATER_ENDINGS: Final = ((signal.SIGINT, 10.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
_POLL_SECONDS: Final = 0.05
_LEFT_SECONDS: Final = 2.0
_READER_SECONDS: Final = 0.5
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """A signal asked this program to end; ``number`` says which."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.strsignal(number))
        self.number = number


class _Child:
    """A running program, and how far its end has come."""

    def __init__(self, process: subprocess.Popen[Any], patience: float) -> None:
        self.process = process
        self._endings = ((signal.SIGINT, patience), *_LATER_ENDINGS)
        self._hurry, self._over = Event(), Event()
        self._lock = Lock()
        self._ending: Thread | None = None

    def begin_to_end(self) -> None:
        """Begin its end, or go on to the next way of it; never waits."""
        with self._lock:
            if self._ending is not None:
                self._hurry.set()
                return
            self._ending = Thread(target=self._end, name=f"end {self.process.pid}")
            self._ending.start()

    def end(self) -> None:
        """Begin its end unless that has begun, and wait for it. A further ctrl-C hurries it, and is no way out."""
        if self._ending is None:
            self.begin_to_end()
        # Not by the thread's own join: interrupted, that takes the thread for one that has ended (bpo-45274).
        while not self._over.is_set():
            try:
                self._over.wait()
            except Interrupted:
                continue  # the handler has told all children
            except KeyboardInterrupt:
                self.begin_to_end()

    def _end(self) -> None:
        try:
            self._go_through_endings()
        finally:
            self._over.set()

    def _go_through_endings(self) -> None:
        for number, seconds in self._endings:
            if not self._signal(number):
                return
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and not self._hurry.is_set():
                if self.process.poll() is not None:
                    # What it leaves in its group has no wish of its own to finish anything.
                    deadline = min(deadline, time.monotonic() + _LEFT_SECONDS)
                    if not self._signal(0):
                        return
                time.sleep(_POLL_SECONDS)
            self._hurry.clear()

    def _signal(self, number: int) -> bool:
        """Send a signal to its group; whether there is anybody in it. A group that is left keeps its number."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return False
        except PermissionError:  # a hook may run as another user
            return self.process.poll() is None
        return True


class _Children:
    """Those that run now. A signal comes to the process as a whole, so that these are one for the whole process."""

    def __init__(self) -> None:
        self._running: set[_Child] = set()
        self._lock = Lock()
        self._starting = False
        self._missed = False
        self.asked: int | None = None

    def start(self, command: Sequence[str | Path], patience: float, options: Mapping[str, Any]) -> _Child:
        # A signal while one is started would lose it, as nobody knows it yet: it is taken up right after.
        mine = current_thread() is main_thread()
        try:
            self._starting = self._starting or mine
            process: subprocess.Popen[Any] = subprocess.Popen(command, process_group=0, **options)
            child = _Child(process, patience)
            with self._lock:
                self._running.add(child)
        finally:
            self._starting = self._starting and not mine
        if self.asked is not None and not mine:
            child.begin_to_end()  # the handler didn't know it yet
        return child

    def check(self) -> None:
        """Raise the Interrupted that had to wait while one was started."""
        if self._missed and current_thread() is main_thread():
            self._missed = False
            raise Interrupted(self.asked or signal.SIGINT)

    def forget(self, child: _Child) -> None:
        with self._lock:
            self._running.discard(child)

    def interrupt(self, number: int, _: FrameType | None) -> None:
        """The handler of a signal: all children begin to end, whichever thread waits for them."""
        self.asked = number
        for child in tuple(self._running):
            child.begin_to_end()
        self._missed = self._starting
        if not self._starting:
            raise Interrupted(number)


_CHILDREN: Final = _Children()


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """While this lasts, SIGTERM and SIGHUP end this program as ctrl-C does: with its children, by an Interrupted.

    What was ignored before, as ``nohup`` does with SIGHUP, stays so. A pipe that nobody reads any more counts as a
    SIGHUP (under ``nohup`` as a SIGTERM), whether something is written to it or not: a build may say nothing for
    minutes.
    """
    if current_thread() is not main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in (number for number, handler in before.items() if handler is not signal.SIG_IGN):
        signal.signal(number, _CHILDREN.interrupt)
    over = Event()
    number = signal.SIGTERM if before[signal.SIGHUP] is signal.SIG_IGN else signal.SIGHUP
    Thread(target=_watch_readers, args=(over, number), name="watch readers", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        _CHILDREN.asked = None
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch_readers(over: Event, number: int) -> None:
    """Send this process a signal once nobody reads one of its outputs that is a pipe."""
    pipes = select.poll()
    for output in (1, 2):
        with suppress(OSError):  # it was started without
            if stat.S_ISFIFO(os.fstat(output).st_mode):
                pipes.register(output, 0)
    while not over.wait(_READER_SECONDS):
        if pipes.poll(0):
            os.kill(os.getpid(), number)
            return


@contextmanager
def started(
    command: Sequence[str | Path], *, patience: float = PATIENCE, **options: Any
) -> Iterator[subprocess.Popen[Any]]:
    """A program while it runs; no way out of here leaves it running. ``options`` are those of Popen.

    ``patience`` is for how many seconds it may go on after a first interrupt. Raises OSError as Popen does, and where
    this program is being ended itself.
    """
    if _CHILDREN.asked is not None and current_thread() is not main_thread():
        raise InterruptedError(None, "interrupted")
    child = _CHILDREN.start(command, patience, {"stdin": subprocess.DEVNULL, **options})
    try:
        _CHILDREN.check()
        yield child.process
    except BaseException:
        child.end()
        raise
    finally:
        for stream in (child.process.stdout, child.process.stderr, child.process.stdin):
            if stream is not None:
                stream.close()
        child.process.wait()
        _CHILDREN.forget(child)


def run(
    command: Sequence[str | Path],
    *,
    seconds: float | None = None,
    given: str | None = None,
    errors: str = "replace",
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, and return what it said, as UTF-8; ``given`` is for its standard input.

    Raises OSError where it can't be started, and subprocess.TimeoutExpired, which has what came, after ``seconds``.
    """
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    if given is not None:
        piped["stdin"] = subprocess.PIPE
    with started(command, text=True, encoding="utf-8", errors=errors, **piped) as process:
        output, said = process.communicate(given, timeout=seconds)
    return subprocess.CompletedProcess(list(command), process.returncode, output or "", said or "")
