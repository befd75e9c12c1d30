"""Locks between the processes of one host: files in a folder of a local file system.

A key has three files, named by its digest: a state that is replaced in one step, the events, a line each, and a file
whose flock covers every change and every guard. Who only looks takes no flock. Nothing is synced to the disk: what a
power cut leaves is taken as free, under a token that is greater than all before.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from codeopen.ondemand.lock import (
    DEFAULT_TIMING,
    EVENTS_KEPT,
    FORGOTTEN_AFTER_SECONDS,
    Failure,
    Lease,
    LeaseLostError,
    LockError,
    Process,
    Progress,
    Renewal,
    Timing,
    event_text,
    key_digest,
    read_namespace,
    read_process_file,
    shortened,
)

_FORMAT: Final = 1
_ACQUIRE_SECONDS: Final = 0.5  # a guard may take longer: then somebody alive holds the lock
_SHORTEST_WAIT: Final = 0.0005
_LONGEST_WAIT: Final = 0.01
_TAIL_BYTES: Final = 16 * 1024
_SWEEP_SECONDS: Final = 3600
_WATCHED: Final = 1_000
_LARGEST: Final = 1 << 63
_LARGEST_PID: Final = 1 << 31


@dataclass(frozen=True, slots=True)
class _Holder:
    """``expires`` is a time of ``clock``; a process that reads another clock can't compare it."""

    owner: str
    process: Process
    clock: str
    expires: float


@dataclass(frozen=True, slots=True)
class _Failed:
    message: str
    attempts: int
    clock: str
    until: float


@dataclass(frozen=True, slots=True)
class _State:
    """What is known of a key; ``number`` is that of an event, of which there may be more by now."""

    token: int = 0
    number: int = 0
    holder: _Holder | None = None
    failed: _Failed | None = None

    def to_json(self) -> bytes:
        return json.dumps({"format": _FORMAT, **asdict(self)}).encode()


class _Busy(Exception):  # noqa: N818 - no error: who waits comes back later
    """The flock is held by another for longer than one wants to wait."""


class FileLocks:
    """Locks in ``folder``, which is made where it is missing."""

    def __init__(self, folder: Path, timing: Timing = DEFAULT_TIMING) -> None:
        self._folder = folder
        self._timing = timing
        self._clock = _clock_name()
        self._watched: dict[str, tuple[_Holder, float]] = {}

    def try_acquire(self, key: str) -> Lease | None:
        """A lease; ``None`` where somebody alive holds it, or its last failure's back-off lasts. Raises LockError."""
        files = _KeyFiles(self._folder, key_digest(key))
        with files.errors("taking the lock"):
            if not self._may_take(files):
                return None
            self._sweep()
            owner = secrets.token_hex(8)
            try:
                with files.locked(_ACQUIRE_SECONDS):
                    # Asked again: another may have been faster.
                    if not self._may_take(files):
                        return None
                    state = self._take(files, owner)
            except _Busy:
                return None
        return _FileLease(files, state, self._timing, key)

    def follow(self, key: str, after: int) -> Sequence[Progress]:
        """The events with numbers above ``after`` in order, at most the last EVENTS_KEPT. Raises LockError."""
        files = _KeyFiles(self._folder, key_digest(key))
        with files.errors("reading the events"):
            return files.read_events(after)

    def failure(self, key: str) -> Failure | None:
        """The last failure, while its back-off lasts. Raises LockError."""
        files = _KeyFiles(self._folder, key_digest(key))
        with files.errors("reading the last failure"):
            failed = files.read_state().failed
        left = self._backoff_left(failed)
        return Failure(failed.message, failed.attempts, left) if failed and left > 0 else None

    def _may_take(self, files: _KeyFiles) -> bool:
        state = files.read_state()
        return self._backoff_left(state.failed) <= 0 and (state.holder is None or self._is_over(files, state.holder))

    def _backoff_left(self, failed: _Failed | None) -> float:
        return failed.until - _now() if failed and failed.clock == self._clock else 0.0

    def _is_over(self, files: _KeyFiles, holder: _Holder) -> bool:
        if holder.process.is_gone():
            return True
        if holder.clock == self._clock:
            return holder.expires <= _now()
        # Of another boot, or of a container with a clock of its own: over when it isn't renewed while this looks on.
        watched = self._watched.get(files.name)
        if watched is None or watched[0] != holder:
            if len(self._watched) >= _WATCHED:
                self._watched.clear()
            self._watched[files.name] = watched = (holder, _now())
        return _now() - watched[1] >= self._timing.lease_seconds

    def _take(self, files: _KeyFiles, owner: str) -> _State:
        old, last = files.read_state(), files.last_event()
        # The wall clock of this one host only makes tokens grow where the old state is lost.
        token = max(old.token, last.token, time.time_ns() // 1_000_000) + 1
        holder = _Holder(owner, Process.current(), self._clock, _now() + self._timing.lease_seconds)
        state = replace(old, token=token, number=max(old.number, last.number), holder=holder)
        files.write_state(state)
        return state

    def _sweep(self) -> None:
        """Now and then, remove the files of keys with which nothing happened for a day."""
        mark = self._folder / "swept"
        if _age(mark) < _SWEEP_SECONDS:
            return
        with suppress(OSError):  # what can't be removed now is tried again later
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            mark.touch()
            for path in self._folder.glob("*.lock"):
                _KeyFiles(self._folder, path.stem).remove_if_forgotten()


class _FileLease:
    def __init__(self, files: _KeyFiles, state: _State, timing: Timing, key: str) -> None:
        self._files = files
        self._state = state
        self._timing = timing
        self._key = key
        self._mutex = threading.RLock()
        self._guarding = False
        self._renewal = Renewal(self._renew, timing.renewal_seconds)

    @property
    def token(self) -> int:
        return self._state.token

    def record(self, event: Mapping[str, Any]) -> None:
        text = event_text(event)
        with self._change("recording an event"):
            number = self._state.number + 1
            line = f'{{"number":{number},"token":{self.token},"event":{text}}}'
            self._files.append_event(line.encode(), number)
            self._state = replace(self._state, number=number)

    @contextmanager
    def guard(self) -> Iterator[None]:
        with self._held("taking the guard"):
            outer, self._guarding = self._guarding, True
            try:
                yield
            finally:
                self._guarding = outer
            # The flock was held all the time; this finds that somebody removed the folder's files.
            with self._files.errors("ending the guard"):
                if self._state.holder is not None and not self._extend():
                    raise LeaseLostError(self._key, f"{self._files.folder} was changed by hand while it was writing")

    def succeed(self) -> None:
        self._end("giving the lock back", None)

    def fail(self, message: str) -> None:
        attempts = self._state.failed.attempts + 1 if self._state.failed else 1
        until = _now() + self._timing.backoff_seconds(attempts)
        self._end("remembering the failure", _Failed(shortened(message), attempts, _clock_name(), until))

    def _end(self, step: str, failed: _Failed | None) -> None:
        self._renewal.stop()
        with suppress(LeaseLostError), self._change(step):  # else it is another's by now
            ended = replace(self._state, holder=None, failed=failed)
            self._files.write_state(ended)
            self._state = ended

    def _renew(self) -> bool:
        try:
            with self._change("renewing the lease"):
                return self._extend()
        except LeaseLostError:
            return False

    def _extend(self) -> bool:
        if not self._is_ours() or self._state.holder is None:
            return False
        expires = _now() + self._timing.lease_seconds
        if expires - self._state.holder.expires < self._timing.renewal_seconds / 2:
            return True  # it was renewed a moment ago
        self._state = replace(self._state, holder=replace(self._state.holder, expires=expires))
        self._files.write_state(self._state)
        return True

    def _is_ours(self) -> bool:
        found, mine = self._files.read_state().holder, self._state.holder
        return found is not None and mine is not None and found.owner == mine.owner

    @contextmanager
    def _change(self, step: str) -> Iterator[None]:
        with self._held(step), self._files.errors(step):
            yield

    @contextmanager
    def _held(self, step: str) -> Iterator[None]:
        """Under the flock and still the holder; errors of the body stay what they are."""
        with self._mutex:
            if self._guarding:
                yield
                return
            with ExitStack() as stack:
                with self._files.errors(step):
                    stack.enter_context(self._files.locked(self._timing.lease_seconds))
                    if not self._is_ours():
                        raise LeaseLostError(self._key)
                yield


class _KeyFiles:
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
        except _Busy:
            why = "a process that is stopped or stuck while it writes a name holds the lock"
            raise LockError(f"{self.folder}: {step}: {why}; end that process") from None

    @contextmanager
    def locked(self, seconds: float) -> Iterator[None]:
        """Hold the flock. Raises _Busy when another holds it for longer than ``seconds``."""
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
                    raise _Busy from None
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

    def read_state(self) -> _State:
        """The state; free, under no token, where there is none or what is there is no state."""
        try:
            return _read_state(self._state.read_bytes(), self.folder)
        except FileNotFoundError:
            return _State()

    def write_state(self, state: _State) -> None:
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
            with suppress(_Busy), self.locked(0):
                if self._is_forgotten():
                    for path in (self._state, self._events, self._new, self._lock):
                        path.unlink(missing_ok=True)

    def _is_forgotten(self) -> bool:
        return min(_age(path) for path in (self._lock, self._state, self._events)) > FORGOTTEN_AFTER_SECONDS


def _read_state(content: bytes, folder: Path) -> _State:
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
        state = _State(
            token,
            number,
            _Holder(**{**holder, "process": Process(*holder["process"])}) if holder else None,
            _Failed(**failed) if failed else None,
        )
        return state if _is_whole(state) else _State()
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return _State()


def _is_whole(state: _State) -> bool:
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


def _age(path: Path) -> float:
    """Seconds since a file was written; a missing one is old."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def _now() -> float:
    """Seconds since the boot, also those that the machine slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _clock_name() -> str:
    """What times of ``_now`` can be compared with: those of the same boot and time namespace."""
    return f"{read_process_file('/proc/sys/kernel/random/boot_id')} {read_namespace('time')}"
