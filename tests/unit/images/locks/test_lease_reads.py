"""What a watcher says of a lock that is not renewed. Its API server is a script: nothing real is cut off on command."""

from __future__ import annotations

import time
from typing import Any

import pytest

from codeopen.images.locks.lease_reads import Budget, Reads
from codeopen.images.locks.lease_state import Found, Holder, State, Version
from codeopen.images.locks.lock import LockError, Process

LEASE = 1.0


class Script:
    def __init__(self) -> None:
        self.renewed = "1"
        self.down = False

    def read(self, step: str, name: str) -> Found:
        if self.down:
            raise LockError(step)
        holder = Holder("owner", Process("", 1, ""), LEASE, "node")
        return Found(name, Version("u", "1"), self.renewed, State(holder=holder), "")


def test_it_counts_what_it_has_seen_itself_since_the_last_renewal() -> None:
    script: Any = Script()
    reads = Reads(script)
    assert reads.read("looking", "name").unchanged == 0
    time.sleep(0.3)
    assert 0.3 <= reads.read("looking", "name").unchanged < LEASE
    script.renewed = "2"
    assert reads.read("looking", "name").unchanged == 0
    assert Reads(script).read("looking", "name").unchanged == 0


@pytest.mark.parametrize("down", [False, True])
def test_it_begins_anew_when_it_has_not_looked_for_half_a_lease(down: bool) -> None:  # noqa: FBT001 - a case
    script: Any = Script()
    reads = Reads(script)
    reads.read("looking", "name")
    script.down = down
    if down:
        with pytest.raises(LockError, match="looking"):
            reads.read("looking", "name")
    time.sleep(0.6 * LEASE)
    script.down = False
    assert reads.read("looking", "name").unchanged == 0


def test_a_budget_is_so_many_at_once_and_then_so_many_a_second() -> None:
    budget = Budget(3, 50)
    assert [budget.take() for _ in range(3)] == [0, 0, 0]
    wait = budget.take()
    assert 0 < wait <= 0.02
    time.sleep(wait + 0.005)
    assert budget.take() == 0
    budget.empty()
    assert budget.take() > 0
