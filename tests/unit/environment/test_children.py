"""Programs that another one starts end with it, whatever ends it. All of them are real processes."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from codeopen.environment import children
from codeopen.environment.children import Interrupted, ended_by_signals, run, started

ROOT = Path(__file__).resolve().parents[3]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Starts a child that starts another, says both ids, and ends as each case wants.
PARENT = """
import sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from codeopen.environment.children import Interrupted, ended_by_signals, run, started
folder, how = sys.argv[1:3]
script = 'sleep 60 & echo $! >' + folder + '/grandchild; echo $$ >' + folder + '/child; wait; sleep 60'
stubborn = 'trap "" INT TERM; ' + script
def work():
    if how == "short":
        return run(["sh", "-c", script])
    with started(["sh", "-c", stubborn if how == "stubborn" else script], patience=0.5) as process:
        if how == "error":
            time.sleep(1)
            raise RuntimeError
        if how == "pipe":
            while True:
                time.sleep(0.05)
                print("more", flush=True)
        process.wait()
with ended_by_signals():
    try:
        if how == "threads":
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda _: work(), range(1)))
        else:
            work()
    except Interrupted as stop:
        sys.exit(128 + stop.number)
    except (RuntimeError, BrokenPipeError):
        sys.exit(3)
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "_LATER_ENDINGS", ((signal.SIGTERM, 0.5), (signal.SIGKILL, 5.0)))


def begin(folder: Path, how: str, hangup: str = "default") -> subprocess.Popen[bytes]:
    """``hangup`` is what SIGHUP does at its start, whatever these tests run under: ``default`` or ``ignore``."""
    command = ["env", f"--{hangup}-signal=HUP", sys.executable, "-c", PARENT, str(folder), how]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, process_group=0)
    for _ in wait():
        if (folder / "child").exists() and (folder / "child").read_text().strip():
            return process
    raise AssertionError("it starts no child")


def wait(seconds: float = 30) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(0.02)


def is_gone(file: Path) -> bool:
    """Whether a process has ended; one that nobody has reaped yet counts as such."""
    try:
        return Path(f"/proc/{file.read_text().strip()}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def assert_all_gone(folder: Path) -> None:
    for _ in wait(5):
        if is_gone(folder / "child") and is_gone(folder / "grandchild"):
            return
    raise AssertionError("a program outlives the one that started it")


def test_nothing_else_starts_programs() -> None:
    starting = re.compile(r"subprocess\.(?:run|Popen|call|check_\w+)|os\.(?:system|popen|spawn\w+|fork)")
    files = [file for folder in ("codeopen", "components", "stacks") for file in (ROOT / folder).rglob("*.py")]
    found = {
        file.relative_to(ROOT).as_posix()
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and starting.fullmatch(ast.unparse(node.func))
    }
    assert found == {"codeopen/environment/children.py"}


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("how", ["long", "short", "threads"])
def test_a_signal_ends_all(tmp_path: Path, how: str, number: signal.Signals) -> None:
    process = begin(tmp_path, how)
    process.send_signal(number)
    assert process.wait(30) == 128 + number
    assert_all_gone(tmp_path)


def test_an_error_ends_all(tmp_path: Path) -> None:
    assert begin(tmp_path, "error").wait(30) == 3
    assert_all_gone(tmp_path)


def test_a_closed_pipe_ends_all(tmp_path: Path) -> None:
    process = begin(tmp_path, "pipe")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(30) in {3, 128 + signal.SIGHUP}  # by writing to it, or before
    assert_all_gone(tmp_path)


def test_a_pipe_that_is_closed_while_nothing_is_said_ends_all(tmp_path: Path) -> None:
    process = begin(tmp_path, "threads")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(30) == 128 + signal.SIGHUP
    assert_all_gone(tmp_path)


def test_under_nohup_a_hangup_is_ignored_and_a_closed_pipe_is_not(tmp_path: Path) -> None:
    process = begin(tmp_path, "long", "ignore")
    process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert process.poll() is None
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(30) == 128 + signal.SIGTERM
    assert_all_gone(tmp_path)


def test_one_that_takes_no_wish_is_killed_and_further_interrupts_hurry_it(tmp_path: Path) -> None:
    process = begin(tmp_path, "stubborn")
    began = time.monotonic()
    for _ in range(3):  # interrupt, interrupt, terminate: then it is killed
        process.send_signal(signal.SIGINT)
        time.sleep(0.4)
    assert process.wait(30) == 130
    assert time.monotonic() - began < 10
    assert_all_gone(tmp_path)


def test_a_program_in_the_same_group_as_a_terminal_s_is_asked_once(tmp_path: Path) -> None:
    """Ctrl-C goes to the whole foreground group: the child is in none of it, and hears it from its parent alone."""
    script = f"count=0; trap 'count=$((count+1)); echo $count >{tmp_path}/count' INT; echo $$ >{tmp_path}/child; "
    script += "while [ $count -lt 1 ]; do sleep 0.02; done; sleep 0.3"
    program = "import sys; from codeopen.environment.children import *\nwith ended_by_signals(): run(sys.argv[1:])"
    command = [sys.executable, "-c", program, "sh", "-c", script]
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, process_group=0, stderr=subprocess.DEVNULL
    )
    for _ in wait():
        if (tmp_path / "child").exists():
            break
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) != 0
    assert (tmp_path / "count").read_text() == "1\n"


def test_a_signal_while_one_is_started_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[subprocess.Popen[str]] = []
    real = subprocess.Popen

    def slow(*words: object, **options: object) -> subprocess.Popen[str]:
        begun.append(real(*words, **options))  # type: ignore[call-overload]
        os.kill(os.getpid(), signal.SIGTERM)
        return begun[0]

    monkeypatch.setattr(subprocess, "Popen", slow)
    with pytest.raises(Interrupted), ended_by_signals(), started(["sleep", "60"]):
        raise AssertionError("it goes on")
    assert begun[0].returncode == -signal.SIGINT


def test_after_a_signal_what_clears_up_still_runs() -> None:
    with ended_by_signals():
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)
        assert run(["echo", "cleared"]).stdout == "cleared\n"


def test_signals_that_were_ignored_stay_so_and_handlers_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
    assert monkeypatch


def test_what_a_program_says_is_given_back() -> None:
    done = run(["sh", "-c", "cat; echo wrong >&2; exit 3"], given="text\n")
    assert (done.returncode, done.stdout, done.stderr) == (3, "text\n", "wrong\n")


def test_one_that_takes_too_long_is_ended_and_what_it_said_is_kept(tmp_path: Path) -> None:
    script = f"echo begun; echo $$ >{tmp_path}/child; cp {tmp_path}/child {tmp_path}/grandchild; sleep 60"
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        run(["sh", "-c", script], seconds=0.5)
    assert b"begun" in (caught.value.output or b"")
    assert_all_gone(tmp_path)


def test_one_that_is_not_there_is_told() -> None:
    with pytest.raises(FileNotFoundError):
        run(["no-such-program"])
