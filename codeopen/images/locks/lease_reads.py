"""Reads of locks that a process shares among its callers, and how long each lock has gone without a renewal.

Clocks of hosts differ, so nobody compares them: who wants a lock watches it, and what doesn't change for the length of
a lease by the watcher's own clock is over.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from typing import Final

from codeopen.images.locks.key_files import now
from codeopen.images.locks.lease_api import LeaseApi
from codeopen.images.locks.lease_state import Found
from codeopen.images.locks.lock import LockError

_BURST: Final = 20
_A_SECOND: Final = 10
_WATCHED: Final = 1_000


class Budget:
    """So many at once, then so many a second. For one thread at a time."""

    def __init__(self, burst: float, a_second: float) -> None:
        self._burst = burst
        self._a_second = a_second
        self._left = burst
        self._at = now()

    def take(self) -> float:
        """Zero when it may be done now; else how many seconds to wait before asking again."""
        at = now()
        self._left = min(self._burst, self._left + (at - self._at) * self._a_second)
        self._at = at
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) / self._a_second

    def empty(self) -> None:
        """Nothing at once from now on."""
        self._left = 0.0


@dataclass(frozen=True, slots=True)
class View:
    """An object as it was read, if it is there, and for how many seconds it has been seen without a renewal."""

    found: Found | None
    unchanged: float


@dataclass(slots=True)
class _Watch:
    mutex: threading.Lock = field(default_factory=threading.Lock)
    budget: Budget = field(default_factory=lambda: Budget(_BURST, _A_SECOND))
    began: float = float("-inf")
    answer: View | LockError | None = None
    mark: tuple[str, str] | None = None
    since: float = 0.0
    looked: float = float("-inf")


class Reads:
    """One read at a time for each object; who asks meanwhile gets the next one's answer, never an older one."""

    def __init__(self, api: LeaseApi) -> None:
        self._api = api
        self._process = os.getpid()
        self._mutex = threading.Lock()
        self._watches: dict[str, _Watch] = {}

    def read(self, step: str, name: str) -> View:
        """What is there now. Raises LockError."""
        asked = now()
        watch = self._watch(name)
        with watch.mutex:
            if watch.began < asked or watch.answer is None:
                while wait := watch.budget.take():
                    time.sleep(wait)
                watch.began = now()
                try:
                    watch.answer = _look(watch, self._api.read(step, name))
                except LockError as error:
                    watch.answer = error
            answer = watch.answer
        if isinstance(answer, LockError):
            raise LockError(str(answer))
        return answer

    def _watch(self, name: str) -> _Watch:
        if self._process != os.getpid():  # a fork may have happened while another thread held a mutex
            self._process, self._mutex, self._watches = os.getpid(), threading.Lock(), {}
        with self._mutex:
            if name not in self._watches and len(self._watches) >= _WATCHED:
                self._watches.clear()
            return self._watches.setdefault(name, _Watch())


def _look(watch: _Watch, found: Found | None) -> View:
    """Judge what was read, after it was read: it can only have been written before."""
    at = now()
    mark = (found.owner, found.renewed) if found else None
    half = found.state.holder.lease / 2 if found and found.state.holder else 0.0
    # Who didn't look for a while, as in an outage, can't say that nothing was renewed for want of a living holder.
    if mark != watch.mark or at - watch.looked > half:
        watch.mark, watch.since = mark, at
    watch.looked = at
    return View(found, at - watch.since)
