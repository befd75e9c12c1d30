"""Locks between the processes of one host: files in a folder of a local file system, which ``key_files`` describes."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from codeopen.images.locks.key_files import Busy, Failed, Holder, KeyFiles, State, age_of, clock_name, now
from codeopen.images.locks.lock import (
    DEFAULT_TIMING,
    Failure,
    Lease,
    LeaseLostError,
    Process,
    Progress,
    Renewal,
    Timing,
    event_text,
    key_digest,
    shortened,
)

_ACQUIRE_SECONDS: Final = 0.5  # a guard may take longer: then somebody alive holds the lock
_SWEEP_SECONDS: Final = 3600
_WATCHED: Final = 1_000


class FileLocks:
    """Locks in ``folder``, which is made where it is missing."""

    def __init__(self, folder: Path, timing: Timing = DEFAULT_TIMING) -> None:
        self._folder = folder
        self._timing = timing
        self._clock = clock_name()
        self._watched: dict[str, tuple[Holder, float]] = {}

    def try_acquire(self, key: str) -> Lease | None:
        """A lease; ``None`` where somebody alive holds it, or its last failure's back-off lasts. Raises LockError."""
        files = KeyFiles(self._folder, key_digest(key))
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
            except Busy:
                return None
        return _FileLease(files, state, self._timing, key)

    def follow(self, key: str, after: int) -> Sequence[Progress]:
        """The events with numbers above ``after`` in order, at most the last EVENTS_KEPT. Raises LockError."""
        files = KeyFiles(self._folder, key_digest(key))
        with files.errors("reading the events"):
            return files.read_events(after)

    def failure(self, key: str) -> Failure | None:
        """The last failure, while its back-off lasts. Raises LockError."""
        files = KeyFiles(self._folder, key_digest(key))
        with files.errors("reading the last failure"):
            failed = files.read_state().failed
        left = self._backoff_left(failed)
        return Failure(failed.message, failed.attempts, left) if failed and left > 0 else None

    def _may_take(self, files: KeyFiles) -> bool:
        state = files.read_state()
        return self._backoff_left(state.failed) <= 0 and (state.holder is None or self._is_over(files, state.holder))

    def _backoff_left(self, failed: Failed | None) -> float:
        return failed.until - now() if failed and failed.clock == self._clock else 0.0

    def _is_over(self, files: KeyFiles, holder: Holder) -> bool:
        if holder.process.is_gone():
            return True
        if holder.clock == self._clock:
            return holder.expires <= now()
        # Of another boot, or of a container with a clock of its own: over when it isn't renewed while this looks on.
        watched = self._watched.get(files.name)
        if watched is None or watched[0] != holder:
            if len(self._watched) >= _WATCHED:
                self._watched.clear()
            self._watched[files.name] = watched = (holder, now())
        return now() - watched[1] >= self._timing.lease_seconds

    def _take(self, files: KeyFiles, owner: str) -> State:
        old, last = files.read_state(), files.last_event()
        # The wall clock of this one host only makes tokens grow where the old state is lost.
        token = max(old.token, last.token, time.time_ns() // 1_000_000) + 1
        holder = Holder(owner, Process.current(), self._clock, now() + self._timing.lease_seconds)
        state = replace(old, token=token, number=max(old.number, last.number), holder=holder)
        files.write_state(state)
        return state

    def _sweep(self) -> None:
        """Now and then, remove the files of keys with which nothing happened for a day."""
        mark = self._folder / "swept"
        if age_of(mark) < _SWEEP_SECONDS:
            return
        with suppress(OSError):  # what can't be removed now is tried again later
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            mark.touch()
            for path in self._folder.glob("*.lock"):
                KeyFiles(self._folder, path.stem).remove_if_forgotten()


class _FileLease:
    def __init__(self, files: KeyFiles, state: State, timing: Timing, key: str) -> None:
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
        until = now() + self._timing.backoff_seconds(attempts)
        self._end("remembering the failure", Failed(shortened(message), attempts, clock_name(), until))

    def _end(self, step: str, failed: Failed | None) -> None:
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
        expires = now() + self._timing.lease_seconds
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
