"""Makes something once, however many ask for it at the same time; who doesn't make it sees how it goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final

from codeopen.errors import CodeOpenError, NothingBuiltError, OnDemandError, TakenError
from codeopen.images.locks.lock import Lease, LeaseLostError, LockError, Locks
from codeopen.images.ondemand.events import Event, Step, Tell, read_event

_SHORTEST_WAIT: Final = 0.02
_LONGEST_WAIT: Final = 0.5
# How often a caller who waits looks whether the holder is gone.
_TAKEOVER_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Task:
    """What is made: its key, its name, and how to look it up and to make it.

    ``find`` gives the reference or nothing. ``make`` takes the lease, within whose guard it writes names, and tells
    everybody what it does.
    """

    key: str
    subject: str
    find: Callable[[], str | None]
    make: Callable[[Lease, Tell], str]


class Way(Enum):
    """How a caller of ``make_once`` got what it asked for."""

    FOUND = "found"
    MADE = "made"
    AWAITED = "awaited"


@dataclass(frozen=True, slots=True)
class Made:
    """A reference, and whether it was there, this caller made it, or another one while this one waited."""

    reference: str
    how: Way


def make_once(locks: Locks, task: Task, tell: Tell, seconds: float) -> Made:
    """Look it up, else make it, else wait for who makes it. Raises what ``make`` raises, and OnDemandError.

    ``seconds`` bounds the waiting for others.
    """
    deadline = time.monotonic() + seconds
    others = _Others(locks, task)
    while True:
        if others.may_be_over():
            if found := task.find():
                return Made(found, Way.AWAITED if others.waited else Way.FOUND)
            _refuse_after_failure(locks, task)
            if lease := locks.try_acquire(task.key):
                return _make(lease, task, tell)
        others.listen(tell)
        if time.monotonic() > deadline:
            raise TakenError(f"{task.subject}: it is still being made after {seconds:.0f} s; ask again later")


class _Others:
    """What is known of another caller who makes the same, from the events of the lock."""

    def __init__(self, locks: Locks, task: Task) -> None:
        self._locks = locks
        self._task = task
        self._looked = float("-inf")
        self._wait = _SHORTEST_WAIT
        self._seen = 0
        self.waited = False
        self._token: int | None = None

    def may_be_over(self) -> bool:
        """True at first, when the other has told its end, and every now and then, for one that is gone."""
        now = time.monotonic()
        if now - self._looked < _TAKEOVER_SECONDS:
            return False
        self._looked = now
        return True

    def listen(self, tell: Tell) -> None:
        """Tell on what the present holder has told since the last time; else wait a little."""
        self.waited = True
        news = self._locks.follow(self._task.key, self._seen)
        if not news:
            time.sleep(self._wait)
            self._wait = min(self._wait * 2, _LONGEST_WAIT)
            return
        first, self._seen, self._wait = self._token is None, news[-1].number, _SHORTEST_WAIT
        self._token = news[-1].token
        events = [read_event(progress.event) for progress in news if not first or progress.token == self._token]
        over = events[-1].step in {Step.DONE, Step.FAILED} and events[-1].subject == self._task.subject
        if over:
            self._looked = float("-inf")
        if not (first and over):  # all that is left of one before
            for event in events:
                tell(event)


def _make(lease: Lease, task: Task, tell: Tell) -> Made:
    """Make it as the holder; look again first, because another may have ended just before."""

    def tell_all(event: Event) -> None:
        lease.record(event.as_data())
        tell(event)

    try:
        if found := task.find():
            lease.succeed()
            return Made(found, Way.AWAITED)
        reference = task.make(lease, tell_all)
    except NothingBuiltError:
        lease.succeed()
        raise
    except CodeOpenError as error:
        with suppress(LockError, LeaseLostError):  # the error itself says more
            tell_all(Event(Step.FAILED, task.subject, str(error)))
        lease.fail(str(error))
        raise
    except BaseException:
        # An interruption says nothing about the task: the next caller begins at once.
        lease.succeed()
        raise
    # The image is there with its names: that the lock is lost by now changes nothing.
    with suppress(LockError, LeaseLostError):
        tell_all(Event(Step.DONE, task.subject, reference))
        lease.succeed()
    return Made(reference, Way.MADE)


def _refuse_after_failure(locks: Locks, task: Task) -> None:
    failure = locks.failure(task.key)
    if failure is not None:
        raise OnDemandError(
            f"{task.subject}: making it failed a moment ago, attempt {failure.attempts}; "
            f"try again in {failure.seconds_left:.0f} s: {failure.message}"
        )
