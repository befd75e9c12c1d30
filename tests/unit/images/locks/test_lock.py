"""What is common to all locks, and the one that is none."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from codeopen.images.locks.lock import (
    EVENTS_KEPT,
    LEASE_SECONDS,
    Lease,
    LeaseLostError,
    LockError,
    Locks,
    Process,
    Renewal,
    Timing,
)
from codeopen.images.locks.no_lock import NoLocks


def test_the_constants_are_those_of_the_specification() -> None:
    assert (LEASE_SECONDS, EVENTS_KEPT, Timing().renewal_seconds) == (15, 1_000, 5)
    assert [Timing().backoff_seconds(attempts) for attempts in (1, 2, 3, 6, 7, 8, 10_000)] == [1, 2, 4, 32, 60, 60, 60]


def test_a_process_is_known_to_be_gone_only_on_its_own_host() -> None:
    mine = Process.current()
    assert mine.host
    assert not mine.is_gone()
    assert mine._replace(start="1").is_gone()
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    found = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    zombie = Process(mine.host, child.pid, found[19])
    assert zombie.is_gone()
    child.wait()
    assert zombie.is_gone()
    assert not zombie._replace(host="of a container").is_gone()
    assert not zombie._replace(host="").is_gone()


def test_a_command_with_parentheses_is_read_past(tmp_path: Path) -> None:
    program = tmp_path / "a) S (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "30"]) as child:
        try:
            start = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
            assert not Process(Process.current().host, child.pid, start).is_gone()
        finally:
            child.kill()


class Renewed:
    def __init__(self, answers: Sequence[bool | Exception]) -> None:
        self.answers = list(answers)
        self.calls = 0

    def renew(self) -> bool:
        self.calls += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def renewals() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "lease renewal"}


def settles(before: set[threading.Thread]) -> bool:
    """Whether the renewals that were begun since end; those of other tests may go on or end."""
    begun = renewals() - before
    for thread in begun:
        thread.join(5)
    return not any(thread.is_alive() for thread in begun)


def test_a_renewal_outlives_an_outage_and_ends_with_a_lost_lease() -> None:
    before = renewals()
    renewed = Renewed([True, LockError("no answer"), True, False])
    Renewal(renewed.renew, 0.01)
    assert settles(before)
    assert renewed.calls == 4


def test_a_renewal_ends_when_it_is_stopped_or_nobody_keeps_the_lease() -> None:
    before = renewals()
    kept = Renewed([True] * 1_000)
    Renewal(kept.renew, 0.01).stop()
    assert settles(before)
    Renewal(Renewed([True] * 1_000).renew, 0.01)
    assert settles(before)


def test_a_lost_lease_says_what_to_do_in_one_short_line() -> None:
    text = str(LeaseLostError("k\n" * 10_000))
    assert len(text.splitlines()) == 1
    assert len(text) < 500
    assert "run it again" in text


def test_without_locks_everybody_builds() -> None:
    locks: Locks = NoLocks()
    leases = [locks.try_acquire("key") for _ in range(3)]
    tokens = []
    for lease in leases:
        assert lease is not None
        typed: Lease = lease
        tokens.append(typed.token)
        lease.record({"a": 1})
        with lease.guard():
            pass
        lease.fail("x")
        lease.succeed()
    assert tokens == sorted(set(tokens))
    assert locks.failure("key") is None
    assert list(locks.follow("key", 0)) == []
    with pytest.raises(ZeroDivisionError), typed.guard():
        raise ZeroDivisionError
