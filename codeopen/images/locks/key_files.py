"""The files of a lock's key, and what its state says.

A key has three files, named by its digest: a state that is replaced in one step, the events, a line each, and a file
whose flock covers every change and every guard. Who only looks takes no flock. Nothing is synced to the disk: what a
power cut leaves is taken as free, under a token that is greater than all before.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from codeopen.images.locks.lock import (
    EVENTS_KEPT,
    FORGOTTEN_AFTER_SECONDS,
    LockError,
    Process,
    Progress,
    read_namespace,
    read_process_file,
)

_FORMAT: Final = 1
_SHORTEST_WAIT: Final = 0.0005
_LONGEST_WAIT: Final = 0.01
_TAIL_BYTES: Final = 16 * 1024
_LARGEST: Final = 1 << 63
_LARGEST_PID: Final = 1 << 31


@dataclass(frozen=True, slots=True)
class Holder:
    """``expires`` is a time of ``clock``; a process that reads another clock can't compare it."""

    owner: str
    process: Process
    clock: str
    expires: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The last failure; nobody tries again before ``until``, a time of ``clock``."""

    message: str
    attempts: int
    clock: str
    until: float


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a key; ``number`` is that of an event, of which there may be more by now."""

    token: int = 0
    number: int = 0
    holder: Holder | None = None
    failed: Failed | None = None

    def to_json(self) -> bytes:
        return json.dumps({"format": _FORMAT, **asdict(self)}).encode()


class Busy(Exception):  # noqa: N818 - no error: who waits comes back later
    """The flock is held by another for longer than one wants to wait."""


class KeyFiles:
    """The files of one key. Source: flock(2); the kernel gives a flock back when its process ends."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self._lock, self._state, self._new, self._events = (
            folder / f"{name}.{ending}" for ending in ("lock", "json", "new", "jsonl")
        )

    @contextmanager
    def errors(self, step: str) -> Iterator[None]:
        """Make what the file system refuses a LockError."""
        try:
            yield
        except OSError as error:
            why = error.strerror or error
            raise LockError(f"{self.folder}: {step}: {why}; make it a writable folder of a local disk") from error
        except Busy:
            why = "a process that is stopped or stuck while it writes a name holds the lock"
            raise LockError(f"{self.folder}: {step}: {why}; end that process") from None

    @contextmanager
    def locked(self, seconds: float) -> Iterator[None]:
        """Hold the flock. Raises Busy when another holds it for longer than ``seconds``."""
        descriptor = self._open_locked(time.monotonic() + seconds)
        try:
            yield
        finally:
            # Said, not left to closing: a forked child may have the same open file.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def _open_locked(self, deadline: float) -> int:
        wait = _SHORTEST_WAIT
        while True:
            descriptor = self._open(self._lock, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_same_file(descriptor, self._lock):
                    return descriptor
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    raise Busy from None
                time.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # the file was removed as forgotten, or another has it: open what is there now

    def _open(self, path: Path, flags: int) -> int:
        try:
            return os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def read_state(self) -> State:
        """The state; free, under no token, where there is none or what is there is no state."""
        try:
            return _read_state(self._state.read_bytes(), self.folder)
        except FileNotFoundError:
            return State()

    def write_state(self, state: State) -> None:
        """Replace the state in one step; only under the flock."""
        with os.fdopen(self._open(self._new, os.O_WRONLY | os.O_TRUNC), "wb") as file:
            file.write(state.to_json())
        self._new.replace(self._state)

    def append_event(self, line: bytes, number: int) -> None:
        """Add a line, away from a torn one before it; now and then only the last EVENTS_KEPT stay."""
        with os.fdopen(self._open(self._events, os.O_WRONLY | os.O_APPEND), "ab") as file:
            file.write(b"\n" + line + b"\n")
        if number % EVENTS_KEPT == 0:
            lines = [each for each in self._events.read_bytes().splitlines() if each][-EVENTS_KEPT:]
            self._new.write_bytes(b"\n".join(lines) + b"\n")
            self._new.replace(self._events)

    def last_event(self) -> Progress:
        """The last event that can be read; one of number 0 where there is none."""
        return next(iter(self.read_events(0)[-1:]), Progress(0, 0, {}))

    def read_events(self, after: int) -> list[Progress]:
        """The last EVENTS_KEPT events with numbers above ``after``, read from the end of the file."""
        span = _TAIL_BYTES
        try:
            with self._events.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                while True:
                    start = file.seek(max(0, size - span))
                    found = _read_lines(file.read(size - start))
                    if start == 0 or (found and found[0].number <= after + 1) or len(found) >= EVENTS_KEPT:
                        return [progress for progress in found if progress.number > after][-EVENTS_KEPT:]
                    span *= 4
        except FileNotFoundError:
            return []

    def remove_if_forgotten(self) -> None:
        """Remove the files where nothing happened with the key for a day."""
        if self._is_forgotten():
            with suppress(Busy), self.locked(0):
                if self._is_forgotten():
                    for path in (self._state, self._events, self._new, self._lock):
                        path.unlink(missing_ok=True)

    def _is_forgotten(self) -> bool:
        return min(age_of(path) for path in (self._lock, self._state, self._events)) > FORGOTTEN_AFTER_SECONDS


def _read_state(content: bytes, folder: Path) -> State:
    """A state from its file.

    Garbage is free: only a power cut or a hand leaves it, the next token is greater than all before, and a holder that
    still lives is fenced by it. Raises LockError for what a newer version wrote.
    """
    try:
        value = json.loads(content)
        if value["format"] != _FORMAT:
            raise LockError(f"{folder}: a newer version uses it; end that, or give this one another folder")
        holder, failed = value["holder"], value["failed"]
        token, number = int(value["token"]), int(value["number"])
        state = State(
            token,
            number,
            Holder(**{**holder, "process": Process(*holder["process"])}) if holder else None,
            Failed(**failed) if failed else None,
        )
        return state if _is_whole(state) else State()
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return State()


def _is_whole(state: State) -> bool:
    """Whether every value has its type and can be used as what it is."""
    holder, failed = state.holder, state.failed
    counts = [state.token, state.number, *([holder.process.pid] if holder else []), failed.attempts if failed else 0]
    times = [*([holder.expires] if holder else []), *([failed.until] if failed else [])]
    texts = [*([holder.owner, holder.clock, holder.process.host, holder.process.start] if holder else [])]
    texts += [failed.message, failed.clock] if failed else []
    return (
        all(isinstance(count, int) and 0 <= count < _LARGEST for count in counts)
        and (holder is None or 0 < holder.process.pid < _LARGEST_PID)
        and all(isinstance(each, float | int) and math.isfinite(each) for each in times)
        and all(isinstance(text, str) for text in texts)
    )


def _read_lines(content: bytes) -> list[Progress]:
    """The events of whole lines; a torn one, at either end or after a power cut in the middle, is left out."""
    found = []
    for line in content.split(b"\n")[:-1]:
        try:
            value = json.loads(line)
            number, token, event = value["number"], value["token"], value["event"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if type(number) is int and type(token) is int and isinstance(event, dict):
            found.append(Progress(number, token, event))
    return found


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def age_of(path: Path) -> float:
    """Seconds since a file was written; a missing one is old."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def now() -> float:
    """Seconds since the boot, also those that the machine slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def clock_name() -> str:
    """What times of ``now`` can be compared with: those of the same boot and time namespace."""
    return f"{read_process_file('/proc/sys/kernel/random/boot_id')} {read_namespace('time')}"
