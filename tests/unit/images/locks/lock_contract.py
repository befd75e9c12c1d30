"""What every kind of lock does, with real processes. A subclass of LockContract says how the locks are opened."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from codeopen.images.locks.lock import Lease, LeaseLostError, Locks
from tests.unit.images.locks.stand_in_holder import acquire, open_locks

ROOT = Path(__file__).parents[4]
KEY = "sha256:0123"
# Long enough that nothing runs out of itself; what must run out gets a short one.
LONG, SHORT = 15.0, 1.2

Opening = dict[str, Any]


@dataclass
class Other:
    """Another process with the same locks."""

    opening: Mapping[str, Any]
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.images.locks.stand_in_holder", json.dumps(self.opening)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, *command: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{json.dumps(command)}\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the other process ended"
        answer = json.loads(line)
        return answer["value"] if "value" in answer else (answer["error"], answer["text"])

    def do(self, *command: Any) -> Any:
        self.tell(*command)
        return self.answer()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)
        if number == signal.SIGSTOP:
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def end(self) -> None:
        self.process.kill()
        with self.process:
            pass


Start = Callable[..., Other]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts other processes, and ends them with the test."""
    others = []

    def begin(opening: Opening, key: str = KEY) -> Other:
        others.append(Other({**opening, "key": key}))
        return others[-1]

    yield begin
    for other in others:
        other.end()


def held(locks: Locks, key: str = KEY) -> Lease:
    lease = locks.try_acquire(key)
    assert lease is not None
    return lease


def write(lease: Lease) -> None:
    with lease.guard():
        pass


def numbers(locks: Locks, after: int = 0, key: str = KEY) -> list[int]:
    return [progress.number for progress in locks.follow(key, after)]


class LockContract:
    """The fixture ``opening`` is what ``open_locks`` takes."""

    def count_stored(self, opening: Opening) -> int:
        """How many events lie there, whether they are shown or not."""
        raise NotImplementedError

    def test_one_holds_a_key_and_the_next_one_gets_a_greater_token(self, opening: Opening) -> None:
        locks, others = open_locks(opening), open_locks(opening)
        lease = held(locks)
        assert locks.try_acquire(KEY) is None
        assert others.try_acquire(KEY) is None
        held(others, "another key").succeed()
        write(lease)
        lease.succeed()
        second = held(others)
        assert second.token > lease.token
        second.succeed()
        with pytest.raises(LeaseLostError):
            write(lease)

    def test_of_16_processes_one_at_a_time_holds_it(self, opening: Opening, start: Start, tmp_path: Path) -> None:
        assert start(opening).do("race", 16, 3, str(tmp_path)) == [0] * 16
        tokens = [int(line) for line in (tmp_path / "log").read_text().split()]
        assert len(tokens) == 48
        assert tokens == sorted(set(tokens))
        progress = open_locks(opening).follow(KEY, 0)
        assert [(each.number, each.token) for each in progress] == list(enumerate(tokens, start=1))
        assert len({each.event["by"] for each in progress}) == 16

    def test_a_killed_holder_is_taken_over_at_once(self, opening: Opening, start: Start) -> None:
        other, locks = start(opening), open_locks(opening)
        token = other.do("acquire", 5)
        assert locks.try_acquire(KEY) is None
        other.signal(signal.SIGKILL)
        lease = acquire(locks, KEY, LONG / 5)  # its parent has not even asked for its exit code
        assert lease.token > token
        lease.succeed()

    def test_a_stopped_holder_is_taken_over_after_its_lease_and_writes_nothing(
        self, opening: Opening, start: Start
    ) -> None:
        opening |= {"lease": SHORT}
        other, locks = start(opening), open_locks(opening)
        other.do("acquire", 5)
        other.do("record", {"of": "the first"})
        other.signal(signal.SIGSTOP)
        assert locks.try_acquire(KEY) is None
        began = time.monotonic()
        lease = acquire(locks, KEY, 2 * SHORT)
        assert time.monotonic() - began > SHORT / 3
        other.signal(signal.SIGCONT)
        for forbidden in (("write",), ("record", {"of": "the old"})):
            error, text = other.do(*forbidden)
            assert error == "LeaseLostError"
            assert "run it again" in text
        assert other.do("succeed") is None
        assert locks.try_acquire(KEY) is None
        lease.record({"of": "the second"})
        assert [each.event["of"] for each in locks.follow(KEY, 0)] == ["the first", "the second"]
        write(lease)
        lease.succeed()

    def test_a_living_holder_keeps_it_past_its_lease(self, opening: Opening, start: Start) -> None:
        opening |= {"lease": SHORT}
        other, locks = start(opening), open_locks(opening)
        other.do("acquire", 5)
        end = time.monotonic() + 2 * SHORT
        while time.monotonic() < end:
            assert locks.try_acquire(KEY) is None
            time.sleep(0.05)
        assert other.do("write") is None
        assert other.do("succeed") is None

    def test_nobody_takes_it_over_inside_a_guard(self, opening: Opening, start: Start) -> None:
        opening |= {"lease": SHORT}
        other, locks = start(opening), open_locks(opening)
        other.do("acquire", 5)
        assert other.do("enter") is None
        other.signal(signal.SIGSTOP)
        end = time.monotonic() + 2 * SHORT
        while time.monotonic() < end:
            assert locks.try_acquire(KEY) is None
        other.signal(signal.SIGCONT)
        assert other.do("leave") is None
        assert other.do("write") is None
        other.do("succeed")
        held(locks).succeed()

    def test_a_process_killed_inside_a_guard_is_taken_over_at_once(self, opening: Opening, start: Start) -> None:
        other, locks = start(opening), open_locks(opening)
        other.do("acquire", 5)
        other.do("enter")
        other.signal(signal.SIGKILL)
        acquire(locks, KEY, LONG / 5).succeed()

    def test_another_process_sees_all_events_in_order(self, opening: Opening, start: Start) -> None:
        other, locks = start(opening), open_locks(opening)
        token = other.do("acquire", 5)
        for number in range(60):
            other.tell("record", {"step": number, "text": "ö\u2028\0\n"})
        seen: list[Any] = []
        deadline = time.monotonic() + 20
        while len(seen) < 60 and time.monotonic() < deadline:
            seen += locks.follow(KEY, seen[-1].number if seen else 0)
        assert [(each.number, each.token, each.event["step"]) for each in seen] == [
            (number + 1, token, number) for number in range(60)
        ]
        assert seen[0].event["text"] == "ö\u2028\0\n"
        assert [other.answer() for _ in range(60)] == [None] * 60
        other.do("succeed")
        assert len(locks.follow(KEY, 0)) == 60
        lease = held(locks)
        lease.record({"step": "of the next holder"})
        assert [(each.number, each.token) for each in locks.follow(KEY, 60)] == [(61, lease.token)]
        lease.succeed()

    def test_threads_of_a_holder_record_beside_each_other(self, opening: Opening) -> None:
        locks = open_locks(opening)
        lease = held(locks)

        def record() -> None:
            for number in range(20):
                lease.record({"n": number})

        threads = [threading.Thread(target=record) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert numbers(locks) == list(range(1, 81))
        lease.succeed()

    def test_the_last_1000_events_are_kept(self, opening: Opening) -> None:
        locks = open_locks(opening)
        lease = held(locks)
        for number in range(2_050):
            lease.record({"n": number, "text": "x" * 40})
        assert numbers(locks) == list(range(1_051, 2_051))
        assert self.count_stored(opening) < 2_000
        assert numbers(locks, 2_048) == [2_049, 2_050]
        assert numbers(locks, 2_050) == []
        lease.succeed()
        assert numbers(locks, 1_999) == list(range(2_000, 2_051))

    def test_failures_back_off_longer_each_time_until_a_success(self, opening: Opening) -> None:
        locks = open_locks({**opening, "first_backoff": 0.3, "longest_backoff": 0.6})
        for attempts, least in ((1, 0.0), (2, 0.3), (3, 0.3)):
            lease = acquire(locks, KEY, 2)
            assert locks.failure(KEY) is None
            lease.fail(f"no space\0 left {attempts}")
            assert locks.try_acquire(KEY) is None
            failure = locks.failure(KEY)
            assert failure is not None
            assert (failure.message, failure.attempts) == (f"no space\0 left {attempts}", attempts)
            assert least < failure.seconds_left <= 0.6
        acquire(locks, KEY, 2).succeed()
        assert locks.failure(KEY) is None
        held(locks).fail("again")
        failure = locks.failure(KEY)
        assert failure is not None
        assert failure.attempts == 1

    def test_a_long_message_keeps_its_end(self, opening: Opening) -> None:
        locks = open_locks(opening)
        held(locks).fail("x" * 100_000 + "the reason")
        failure = locks.failure(KEY)
        assert failure is not None
        assert failure.message.endswith("the reason")
        assert len(failure.message) < 20_000

    def test_a_guard_holds_for_all_that_is_done_inside(self, opening: Opening) -> None:
        locks = open_locks(opening)
        lease = held(locks)
        with lease.guard():
            lease.record({"step": "tagging"})
            with lease.guard():
                pass
            assert open_locks(opening).try_acquire(KEY) is None
        assert [each.event for each in locks.follow(KEY, 0)] == [{"step": "tagging"}]
        with pytest.raises(ConnectionResetError), lease.guard():
            raise ConnectionResetError("of the registry")
        write(lease)
        with lease.guard():
            lease.succeed()
        held(locks).succeed()

    def test_a_lease_that_nobody_keeps_runs_out(self, opening: Opening) -> None:
        locks = open_locks({**opening, "lease": SHORT})
        lease = held(locks)
        with pytest.raises(TypeError):
            lease.record({"not": object()})
        assert numbers(locks) == []
        del lease
        gc.collect()
        acquire(locks, KEY, 3 * SHORT).succeed()

    @pytest.mark.parametrize(
        "key",
        ["", "../../etc/passwd", "a/b", "nul\0", "\ud800", "k" * 100_000, "'; drop table build_lock_1; --", "%s{}"],
    )
    def test_any_text_is_a_key(self, opening: Opening, key: str) -> None:
        locks = open_locks(opening)
        lease = held(locks, key)
        assert locks.try_acquire(key) is None
        lease.record({"k": 1})
        write(lease)
        assert numbers(locks, 0, key) == [1]
        lease.fail("x")
        assert locks.failure(key) is not None
        assert locks.failure(f"{key} ") is None
        held(locks, f"{key} ").succeed()
