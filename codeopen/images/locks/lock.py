"""Locks with leases: for one key exactly one of any number of processes builds, others attach and see its progress.

A holder renews its lease while it builds. Who doesn't renew is taken over when the lease runs out, at once where it is
known to be dead. A holder that was taken over finds out before it writes: what it writes goes through ``Lease.guard``.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from codeopen.errors import CodeOpenError, Failing

LEASE_SECONDS: Final = 15
EVENTS_KEPT: Final = 1_000
# What nothing happened with for so long is forgotten: tokens go on growing, numbers of events begin again.
FORGOTTEN_AFTER_SECONDS: Final = 24 * 3600
MESSAGE_CHARACTERS: Final = 16_000

_RENEWALS_A_LEASE: Final = 3
_KEY_SHOWN: Final = 80
_LARGEST_DOUBLING: Final = 30
_ENDED_STATES: Final = ("Z", "X")


class LockError(CodeOpenError):
    """The lock's folder or database can't be used; the text names it, the step and what to do."""

    failing = Failing.EXTERNAL


class LeaseLostError(CodeOpenError):
    """The lease's holder was taken over: nothing may be written any more."""

    failing = Failing.CONFLICT

    def __init__(self, key: str, why: str = "it was paused or cut off for longer than its lease") -> None:
        super().__init__(
            f"{key[:_KEY_SHOWN]!r}: this build lost its lock ({why}), and another may build the same by now; "
            "run it again: it then finds the other's result or follows it"
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """An event that the holder with ``token`` recorded; numbers grow over all holders of a key."""

    number: int
    token: int
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """The last failure of a key while nobody may try again."""

    message: str
    attempts: int
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Timing:
    """How long leases and back-offs last. All processes that share locks use the same, tests shorter ones."""

    lease_seconds: float = LEASE_SECONDS
    first_backoff_seconds: float = 1
    longest_backoff_seconds: float = 60

    @property
    def renewal_seconds(self) -> float:
        """The time between two renewals."""
        return self.lease_seconds / _RENEWALS_A_LEASE

    def backoff_seconds(self, attempts: int) -> float:
        """How long nobody may try again after so many failures in a row."""
        doubled = self.first_backoff_seconds * 2.0 ** min(attempts - 1, _LARGEST_DOUBLING)
        return min(self.longest_backoff_seconds, doubled)


DEFAULT_TIMING: Final = Timing()


class Lease(Protocol):
    """The right to build, until it is given back, taken over, or nobody keeps this object any more.

    May be used by several threads. Every way out of a build ends with ``succeed`` or ``fail``.
    """

    @property
    def token(self) -> int:
        """The fencing token: it grows with every holder of the key."""

    def record(self, event: Mapping[str, Any]) -> None:
        """Let followers see an event, of JSON types. Raises LeaseLostError when it has been taken over, LockError."""

    def guard(self) -> AbstractContextManager[None]:
        """Inside, nobody can take the lock over: a name is written in here.

        Raises LeaseLostError when it has been taken over, LockError where that can't be found out. It also raises
        LeaseLostError at its end where the protection broke in the middle; what was written then has to be looked at
        again. Events recorded inside may be seen only at its end.
        """

    def succeed(self) -> None:
        """Give the lock back and forget failures; does nothing where it has been taken over. Raises LockError."""

    def fail(self, message: str) -> None:
        """Give the lock back and remember the failure, with a growing back-off; as ``succeed`` where it is lost."""


class Locks(Protocol):
    """Locks by key; may be used by several threads and processes. All raise LockError where they can't be reached."""

    def try_acquire(self, key: str) -> Lease | None:
        """A lease; ``None`` where somebody alive holds it, or its last failure's back-off lasts (see ``failure``)."""

    def follow(self, key: str, after: int) -> Sequence[Progress]:
        """The events with numbers above ``after`` in order, at most the last EVENTS_KEPT; also of finished builds."""

    def failure(self, key: str) -> Failure | None:
        """The last failure, while its back-off lasts."""


class Process(NamedTuple):
    """A process as others of its host recognize it; an empty ``host`` is recognized by nobody."""

    host: str
    pid: int
    start: str

    @staticmethod
    def current() -> Process:
        """The one that asks."""
        return _process(os.getpid())

    def is_gone(self) -> bool:
        """Whether it is known to have ended. False for one of another host, boot or container: nothing is known."""
        if not self.host or self.host != Process.current().host:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass  # it is there, as another user
        found = _state_and_start(self.pid)
        return found is not None and (found[0] in _ENDED_STATES or found[1] != self.start)


class Renewal:
    """Calls ``renew``, a bound method, in a thread until it is stopped, ``renew`` says no, or its object is gone."""

    def __init__(self, renew: Callable[[], bool], every: float) -> None:
        self._renew = weakref.WeakMethod(renew)
        self._every = every
        self._stop = threading.Event()
        threading.Thread(target=self._run, name="lease renewal", daemon=True).start()

    def stop(self) -> None:
        """End the thread soon, without waiting for it."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            renew = self._renew()
            if renew is None:
                return
            try:
                if not renew():
                    return
            except LockError:
                pass  # an outage may pass; whether the lease outlived it is asked before anything is written
            del renew


def key_digest(key: str) -> str:
    """A key of any content as a name that files and databases can hold."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def event_text(event: Mapping[str, Any]) -> str:
    """An event as one line of ASCII. Raises TypeError or ValueError for what is not JSON."""
    return json.dumps(dict(event), separators=(",", ":"), allow_nan=False)


def shortened(message: str) -> str:
    """The end of a long message: that is where a log says why."""
    return message[-MESSAGE_CHARACTERS:]


def read_process_file(path: str) -> str:
    """A small file of /proc; empty where the system has none."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def read_namespace(name: str) -> str:
    """The name of a namespace of this process; empty where the system has none."""
    try:
        return str(Path(f"/proc/self/ns/{name}").readlink())
    except OSError:
        return ""


@cache
def _process(pid: int) -> Process:
    boot, namespace = read_process_file("/proc/sys/kernel/random/boot_id"), read_namespace("pid")
    found = _state_and_start(pid)
    host = f"{boot} {os.uname().nodename} {namespace}" if boot and namespace and found else ""
    return Process(host, pid, found[1] if found else "")


def _state_and_start(pid: int) -> tuple[str, str] | None:
    """Source: proc_pid_stat(5): after the command in parentheses come field 3, the state, and 22, the start time."""
    fields = read_process_file(f"/proc/{pid}/stat").rpartition(")")[2].split()
    start = 22 - 3
    return (fields[0], fields[start]) if len(fields) > start else None
