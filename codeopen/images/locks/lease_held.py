"""The right to build that stands in a Lease object, which its holder writes whole, and only in place of its own.

Nothing in a cluster ends a guard when its process stops, as a flock or a transaction does. So a guard begins with a
renewal, goes on being renewed, and ends with another one, which finds a takeover in the middle.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from codeopen.images.locks.key_files import clock_name, now
from codeopen.images.locks.lease_api import ONCE, LeaseApi
from codeopen.images.locks.lease_reads import Budget
from codeopen.images.locks.lease_state import Failed, Found, Line, State, pack, write_lease
from codeopen.images.locks.lock import (
    EVENTS_KEPT,
    LeaseLostError,
    LockError,
    Renewal,
    Timing,
    event_text,
    shortened,
)

_RENEWAL_PAUSES: Final = (0.0, 0.3, 1.0)
_CONFLICTS: Final = 20
# Events are written at once, unless there are many.
_EVENTS_AT_ONCE: Final = 100
_WRITES_A_SECOND: Final = 4


class HeldLease:
    """The holder's own copy is what it writes; as long as its owner stands in the object, nobody else wrote there."""

    def __init__(self, api: LeaseApi, taken: Found, timing: Timing, key: str, sent: float) -> None:
        self._api = api
        self._name = taken.name
        self._version = taken.version
        self._state = taken.state
        self._lines = deque(taken.lines, EVENTS_KEPT)
        self._timing = timing
        self._key = key
        self._held_until = sent + timing.lease_seconds
        self._mutex = threading.RLock()
        self._guard = threading.RLock()
        self._inside = False
        self._lost = ""
        self._ended = False
        self._unwritten = False
        self._flushing = False
        self._budget = Budget(_EVENTS_AT_ONCE, _WRITES_A_SECOND)
        self._renewal = Renewal(self._renew, timing.renewal_seconds)

    @property
    def token(self) -> int:
        return self._state.token

    def record(self, event: Mapping[str, Any]) -> None:
        """As of any lease; but where the API server doesn't answer, or there are many events, it is seen later."""
        text = event_text(event)
        with self._mutex:
            self._refuse_if_over()
            number = self._state.number + 1
            self._state = replace(self._state, number=number)
            self._lines.append(Line(number, self.token, text))
            self._unwritten = True
            if self._budget.take() > 0 or not self._try_to_write():
                self._flush_later()

    @contextmanager
    def guard(self) -> Iterator[None]:
        with self._guard:
            if self._inside:
                yield
                return
            self._enter()
            self._inside = True
            try:
                yield
            except BaseException:
                with suppress(LockError, LeaseLostError):
                    self._leave(ONCE)
                raise
            else:
                self._leave(None)
            finally:
                self._inside = False

    def succeed(self) -> None:
        self._end("giving the lock back", None)

    def fail(self, message: str) -> None:
        attempts = self._state.failed.attempts + 1 if self._state.failed else 1
        backoff = self._timing.backoff_seconds(attempts)
        until = self._api.server_now() + backoff
        failed = Failed(shortened(message), attempts, backoff, until, clock_name(), now() + backoff)
        self._end("remembering the failure", failed)

    def _end(self, step: str, failed: Failed | None) -> None:
        self._renewal.stop()
        with self._mutex:
            if self._ended or self._lost:
                return
            with suppress(LeaseLostError):  # else it is another's by now
                self._write(step, replace(self._state, holder=None, failed=failed), None)
            self._ended = True

    def _enter(self) -> None:
        with self._mutex:
            self._refuse_if_over()
            self._write("taking the guard", _guarding(self._state, guarding=True), None)

    def _leave(self, pauses: Sequence[float] | None) -> None:
        with self._mutex:
            if self._ended:
                return
            try:
                self._refuse_if_over()
                self._write("ending the guard", _guarding(self._state, guarding=False), pauses)
            except LockError as error:
                # What the next renewal writes. Until then nobody can have taken it, as long as its time lasts.
                self._state = _guarding(self._state, guarding=False)
                if now() >= self._held_until:
                    why = f"{self._api.place} didn't answer for longer than its lease while it was writing"
                    raise LeaseLostError(self._key, why) from error

    def _renew(self) -> bool:
        with self._mutex:
            if self._ended or self._lost:
                return False
            try:
                self._write("renewing the lease", self._state, _RENEWAL_PAUSES)
            except LeaseLostError:
                return False
            return True

    def _flush_later(self) -> None:
        if not self._flushing:
            self._flushing = True
            Renewal(self._flush, 1 / _WRITES_A_SECOND)

    def _flush(self) -> bool:
        with self._mutex:
            self._flushing = self._unwritten and not self._ended and not self._lost
            if self._flushing and self._budget.take() == 0:
                with suppress(LeaseLostError):
                    self._try_to_write()
            return self._flushing

    def _try_to_write(self) -> bool:
        try:
            self._write("recording an event", self._state, ONCE)
        except LockError:
            self._budget.empty()
            return False
        return True

    def _write(self, step: str, state: State, pauses: Sequence[float] | None) -> None:
        """Make this the object's state, if it is still ours, which renews it. Raises LeaseLostError, LockError."""
        sent, packed = now(), pack(tuple(self._lines))
        for _ in range(_CONFLICTS):
            written = self._api.write(step, write_lease(self._name, self._key, state, packed, self._version), pauses)
            if written is not None:
                self._version, self._state, self._unwritten = written.version, state, False
                self._held_until = sent + self._timing.lease_seconds
                return
            found = self._api.read(step, self._name, pauses)
            if found is None or self._state.holder is None or found.owner != self._state.holder.owner:
                removed = f"it was removed from {self._api.place} by hand"
                self._lost = removed if found is None else "it was paused or cut off for longer than its lease"
                raise LeaseLostError(self._key, self._lost)
            self._version = found.version  # an answer got lost, or a hand put a label there
        raise LockError(f"{self._api.place}: {step}: something else goes on changing {self._name}; end that")

    def _refuse_if_over(self) -> None:
        if self._lost or self._ended:
            raise LeaseLostError(self._key, self._lost or "it was given back")


def _guarding(state: State, *, guarding: bool) -> State:
    return replace(state, holder=replace(state.holder, guarding=guarding)) if state.holder else state
