"""What a killed run left is put right, and nothing else is touched: with real processes and lock files."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from codeopen.errors import DeployError
from codeopen.platform.deploy.recovery import (
    MARK,
    Lock,
    clear_dead_locks,
    end_leftovers,
    is_dead,
    read_locks,
    refuse_second_run,
    remove_strays,
)
from tests.unit.stand_ins import StandIns

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def write_lock(root: Path, process: int, host: str | None = None, taken: float | None = None) -> Path:
    folder = root / ".pulumi" / "locks" / "organization" / "codeopen" / "dev"
    folder.mkdir(parents=True, exist_ok=True)
    time_text = datetime.fromtimestamp(taken or time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z"
    file = folder / f"lock-{process}.json"
    content = {"pid": process, "username": "me", "hostname": host or socket.gethostname(), "timestamp": time_text}
    file.write_text(json.dumps(content))
    file.with_name(f"{file.name}.attrs").write_text("{}")
    return file


def dead_process() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.fixture
def mark() -> str:
    return f"test-{os.getpid()}-{time.monotonic_ns()}"


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def test_the_lock_of_an_ended_process_is_cleared_and_told(tmp_path: Path) -> None:
    file = write_lock(tmp_path, dead_process())
    told = clear_dead_locks(read_locks(f"file://{tmp_path}?metadata=skip", "codeopen", "dev"), "dev")
    assert len(told) == 1
    assert list(file.parent.iterdir()) == []


def test_the_lock_of_a_living_process_stays_and_refuses(tmp_path: Path) -> None:
    file = write_lock(tmp_path, os.getpid())
    with pytest.raises(DeployError, match=rf"stack dev is in use: process {os.getpid()} .* wait for it to end"):
        clear_dead_locks(read_locks(f"file://{tmp_path}", "codeopen", "dev"), "dev")
    assert file.exists()


def test_an_id_that_belongs_to_a_later_process_proves_the_first_dead() -> None:
    lock = Lock(Path("lock"), os.getpid(), socket.gethostname(), taken=time.time() - 10 * 365 * 86400)
    assert is_dead(lock)


def test_nothing_is_known_of_another_machines_process() -> None:
    assert not is_dead(Lock(Path("lock"), dead_process(), "elsewhere.example", time.time()))


def test_a_lock_that_can_not_be_read_is_told_with_its_place(tmp_path: Path) -> None:
    file = write_lock(tmp_path, 1)
    file.write_text("")
    with pytest.raises(DeployError, match="can't be read"):
        read_locks(f"file://{tmp_path}", "codeopen", "dev")


@pytest.mark.parametrize("backend", ["s3://bucket", "https://example.invalid", ""])
def test_other_backends_keep_their_own_locks(backend: str) -> None:
    assert read_locks(backend, "codeopen", "dev") == ()


def test_marked_processes_are_ended_and_others_live(mark: str, started: list[subprocess.Popen[str]]) -> None:
    marked = subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: mark}, text=True)
    other = subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: f"{mark}-other"}, text=True)
    started += [marked, other]
    time.sleep(0.1)
    assert end_leftovers(mark) == [f"ended process {marked.pid} (sleep) of a killed run"]
    assert marked.wait(5) != 0
    assert other.poll() is None


def test_a_process_that_ignores_the_request_is_killed(mark: str, started: list[subprocess.Popen[str]]) -> None:
    environment = {**os.environ, MARK: mark}
    stubborn = subprocess.Popen([sys.executable, "-c", STUBBORN], env=environment, text=True, stdout=subprocess.PIPE)
    started.append(stubborn)
    assert stubborn.stdout is not None
    assert stubborn.stdout.readline() == "up\n"
    end_leftovers(mark)
    assert stubborn.wait(5) == -9


def test_a_running_cli_refuses_a_second_run(mark: str, started: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    refuse_second_run(mark, "dev")
    stand_in = tmp_path / "pulumi"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", stand_in)
    started.append(subprocess.Popen([stand_in, "60"], env={**os.environ, MARK: mark}, text=True))
    time.sleep(0.1)
    with pytest.raises(DeployError, match=f"process {started[0].pid} works on it"):
        refuse_second_run(mark, "dev")


# Lists a container from the third look on, until it is removed; and never a network.
LATE_ENGINE = """case "$1" in
  ps) echo look >>"$HERE/looks"; [ "$(wc -l <"$HERE/looks")" -lt 3 ] || [ -e "$HERE/removed" ] || echo late ;;
  container) echo "$*" >>"$HERE/removed" ;;
esac"""
CREATING = {"type": "creating", "resource": {"type": "docker:index/container:Container"}}


def test_a_container_that_the_engine_makes_after_the_kill_is_waited_for(stand_ins: StandIns) -> None:
    stand_ins.put("docker", LATE_ENGINE)
    told = remove_strays("s", {"pending_operations": [CREATING]})
    assert told == ["removed container late, which a killed run had made"]
    assert (stand_ins.folder / "removed").read_text() == "container rm --force late\n"


def test_what_no_killed_run_was_creating_is_not_waited_for(stand_ins: StandIns) -> None:
    stand_ins.put("docker", LATE_ENGINE)
    others = [{**CREATING, "type": "deleting"}, {**CREATING, "resource": {"type": "docker:index/volume:Volume"}}]
    assert remove_strays("s", {"pending_operations": others}) == []
    assert (stand_ins.folder / "looks").read_text() == "look\n"


def test_the_wait_ends(stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_ins.put("docker", "true")
    monkeypatch.setattr("codeopen.platform.deploy.recovery._ENGINE_SECONDS", 0.3)
    assert remove_strays("s", {"pending_operations": [CREATING]}) == []
