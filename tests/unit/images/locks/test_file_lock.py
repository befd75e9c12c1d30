"""Locks by files, with real processes."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from pathlib import Path

import pytest

from codeopen.images.locks.file_lock import FileLocks
from codeopen.images.locks.key_files import Busy, KeyFiles
from codeopen.images.locks.lock import LeaseLostError, LockError, Timing, key_digest
from tests.unit.images.locks.lock_contract import KEY, LONG, LockContract, Opening, held, numbers, start, write
from tests.unit.images.locks.stand_in_holder import acquire

__all__ = ["start"]

NAME = key_digest(KEY)
TWO_DAYS = 2 * 24 * 3600


class TestFileLocks(LockContract):
    @pytest.fixture
    def opening(self, tmp_path: Path) -> Opening:
        return {"folder": str(tmp_path / "a" / "locks"), "lease": LONG}

    def count_stored(self, opening: Opening) -> int:
        (events,) = Path(opening["folder"]).glob("*.jsonl")
        return len(events.read_text().split())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "locks"


@pytest.fixture
def locks(folder: Path) -> FileLocks:
    return FileLocks(folder)


def state(**changes: object) -> bytes:
    """A whole state of nobody, with changes."""
    return json.dumps({"format": 1, "token": 5, "number": 0, "holder": None, "failed": None, **changes}).encode()


HOLDER = {"owner": "x", "process": ["", 1, ""], "clock": "", "expires": 5}


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\0" * 300,
        b"{",
        b"[]",
        b"null",
        b"1",
        b'{"format": 1}',
        b"[" * 100_000,
        state(token="x"),
        state(token=-5),
        state(token=1 << 70),
        state(holder={"owner": "x"}),
        state(holder={**HOLDER, "process": ["", -1, ""]}),
        state(holder={**HOLDER, "expires": float("nan")}),
        state(holder={**HOLDER, "expires": "5"}),
        state(failed={"message": 5, "attempts": 1, "clock": "", "until": 5}),
    ],
)
def test_a_state_of_garbage_is_free_under_a_greater_token_and_fences_the_old_holder(
    locks: FileLocks, folder: Path, garbage: bytes
) -> None:
    old = held(locks)
    old.record({"a": 1})
    (folder / f"{NAME}.json").write_bytes(garbage)
    assert locks.failure(KEY) is None
    new = held(locks)
    assert new.token > old.token
    with pytest.raises(LeaseLostError):
        write(old)
    new.record({"a": 2})
    assert numbers(locks) == [1, 2]
    new.succeed()


def test_a_state_of_a_newer_version_is_left_alone(locks: FileLocks, folder: Path) -> None:
    folder.mkdir()
    (folder / f"{NAME}.json").write_text('{"format": 2}')
    with pytest.raises(LockError, match=f"{folder}: a newer version uses it; end that"):
        locks.try_acquire(KEY)


def test_a_torn_event_is_left_out_and_harms_no_other(locks: FileLocks, folder: Path) -> None:
    lease = held(locks)
    lease.record({"a": 1})
    with (folder / f"{NAME}.jsonl").open("ab") as file:
        file.write(b'\n{"number":2,"token":')
    assert numbers(locks) == [1]
    lease.record({"a": 2})
    assert [(each.number, each.event["a"]) for each in locks.follow(KEY, 0)] == [(1, 1), (2, 2)]
    (folder / f"{NAME}.json").unlink()
    lease = held(locks)
    lease.record({"a": 3})
    assert numbers(locks) == [1, 2, 3]


def test_what_nothing_happened_with_for_a_day_is_removed(locks: FileLocks, folder: Path) -> None:
    first = held(locks)
    first.record({"a": 1})
    first.succeed()
    holding = held(locks, "held")
    for path in folder.iterdir():
        if path.name.startswith((NAME, "swept")):
            os.utime(path, (time.time() - TWO_DAYS,) * 2)
    held(locks, "another").succeed()
    assert not list(folder.glob(f"{NAME}.*"))
    write(holding)
    assert held(locks).token > first.token
    with pytest.raises(LeaseLostError):
        write(first)


def test_a_forgotten_key_that_somebody_writes_is_not_removed(locks: FileLocks, folder: Path) -> None:
    lease = held(locks)
    for path in folder.iterdir():
        os.utime(path, (time.time() - TWO_DAYS,) * 2)
    with lease.guard():
        held(locks, "another").succeed()
    assert locks.try_acquire(KEY) is None


def test_a_lock_file_that_is_removed_before_it_is_locked_is_made_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, files = fcntl.flock, KeyFiles(folder, NAME)

    def remove_and_lock(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", real)
        (folder / f"{NAME}.lock").unlink()
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", remove_and_lock)
    with files.locked(0), pytest.raises(Busy), files.locked(0):
        pass


def test_a_holder_of_another_boot_is_over_when_it_is_not_renewed_while_one_looks(folder: Path) -> None:
    locks = FileLocks(folder, Timing(lease_seconds=0.5))
    held(locks)
    time.sleep(0.6)  # its object is gone, and with it its renewal
    state = json.loads((folder / f"{NAME}.json").read_text())
    state["holder"] |= {"clock": "of another boot", "process": ["another boot", os.getpid(), "1"], "expires": 5}
    state["failed"] = {"message": "x", "attempts": 3, "clock": "of another boot", "until": 1e12}
    (folder / f"{NAME}.json").write_text(json.dumps(state))
    assert locks.failure(KEY) is None
    began = time.monotonic()
    assert locks.try_acquire(KEY) is None
    acquire(locks, KEY, 5).succeed()
    assert time.monotonic() - began >= 0.5


def test_a_folder_that_is_none_is_named_with_the_step(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    locks = FileLocks(tmp_path / "file")
    with pytest.raises(LockError, match="file: taking the lock: Not a directory; make it a writable folder"):
        locks.try_acquire(KEY)
    with pytest.raises(LockError, match="file: reading the events: Not a directory"):
        locks.follow(KEY, 0)
    with pytest.raises(LockError, match="file: reading the last failure: Not a directory"):
        locks.failure(KEY)


def test_a_holder_notices_that_its_folder_was_emptied_while_it_wrote(locks: FileLocks, folder: Path) -> None:
    lease = held(locks)
    with pytest.raises(LeaseLostError, match="changed by hand"), lease.guard():
        shutil.rmtree(folder)
    with pytest.raises(LeaseLostError):
        lease.record({})


def test_a_process_that_is_stuck_in_a_guard_is_an_error_to_its_own_threads(folder: Path) -> None:
    locks = FileLocks(folder, Timing(lease_seconds=0.3))
    lease = held(locks)
    with KeyFiles(folder, NAME).locked(0), pytest.raises(LockError, match="stopped or stuck"):
        lease.record({})


def test_an_uncontended_build_costs_little(locks: FileLocks) -> None:
    costs = []
    for number in range(100):
        began = time.thread_time()
        lease = held(locks, f"key {number}")
        lease.record({"n": number})
        write(lease)
        lease.succeed()
        costs.append(time.thread_time() - began)
    assert sorted(costs)[50] < 0.002
