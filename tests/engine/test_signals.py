"""Signals and closed pipes while the real CLI and BuildKit are at work: nothing goes on, and the next run begins."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.live import LiveStack, prepare_stack

SECONDS = 240
NOBODY_LISTENS = {128 + signal.SIGPIPE, 128 + signal.SIGHUP}  # found by writing, or before
# Slow, and in no cache: each test builds it anew. It says something all the time.
SLOW = "\nRUN echo {mark}; for i in $(seq 600); do echo step $i; sleep 0.2; done\n"
WAYS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, "closed pipe"]
NAMES = ["SIGINT", "SIGTERM", "SIGHUP", "closed pipe"]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[LiveStack]:
    (tmp_path / "state").mkdir()
    prepared = prepare_stack(tmp_path / "checkout", tmp_path / "state")
    prepared.configure(parts=["js"])
    (prepared.checkout / "VERSION").write_text("0.0.0-slow\n")
    try:
        yield prepared
    finally:
        prepared.remove()


def make_slow(stack: LiveStack) -> None:
    dockerfile = stack.checkout / "dockerfiles" / "base" / "Dockerfile"
    text = dockerfile.read_text()
    # A named build context stands in for the stage of its name: this one is built.
    end = text.index("\n", text.index("\nFROM ubuntu AS ") + 1)
    dockerfile.write_text(text[:end] + SLOW.format(mark=stack.name) + text[end:])


@contextmanager
def start(stack: LiveStack, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command while a test goes on; one that the test doesn't end is killed."""
    process = subprocess.Popen(
        # Whatever these tests run under, such as nohup.
        ["env", "--default-signal=HUP", sys.executable, "-m", "codeopen.cli", *words, "--stack", stack.name],
        cwd=stack.checkout,
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def working(stack: LiveStack) -> list[str]:
    """Programs that work for this stack: they carry its checkout's folder in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if str(stack.checkout) in (folder / "environ").read_text() and int(folder.name) != os.getpid():
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return [command for command in found if command]


def is_building(stack: LiveStack) -> bool:
    """Whether the slow step is at work in BuildKit."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return any(f"echo {stack.name};" in line for line in listed.splitlines())


def end_by(process: subprocess.Popen[bytes], how: signal.Signals | str) -> int:
    """End it, and return its exit code."""
    if isinstance(how, signal.Signals):
        process.send_signal(how)
    elif process.stdout is not None:
        process.stdout.close()
    return process.wait(SECONDS)


def assert_nothing_goes_on(stack: LiveStack) -> None:
    wait_until(lambda: not working(stack), f"{working(stack)} go on", 10)
    wait_until(lambda: not is_building(stack), "BuildKit goes on", 10)
    state = Path(stack.environment["PULUMI_BACKEND_URL"].removeprefix("file://").partition("?")[0])
    assert not list((state / ".pulumi" / "locks").rglob("*.json")), "the CLI had no time to release its lock"


@pytest.mark.parametrize("how", WAYS[:3], ids=NAMES[:3])
def test_an_up_that_is_ended_leaves_nothing_at_work(stack: LiveStack, how: signal.Signals) -> None:
    make_slow(stack)
    with start(stack, "up") as process:
        wait_until(lambda: is_building(stack), "it builds nothing")
        assert end_by(process, how) == 128 + how
    assert_nothing_goes_on(stack)
    done = stack.codeopen("up", "--dry-run", "--format", "json")
    assert json.loads(done.stdout)["changes"]


def test_an_up_that_nobody_listens_to_leaves_nothing_at_work(stack: LiveStack) -> None:
    """As in `codeopen up 2>&1 | head -1`: it is noticed within a second."""
    with start(stack, "up") as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert end_by(process, "closed pipe") in NOBODY_LISTENS
    assert_nothing_goes_on(stack)
    assert stack.codeopen("up", "--dry-run").returncode == 0


@pytest.mark.parametrize("how", WAYS, ids=NAMES)
def test_a_build_that_is_ended_leaves_nothing_at_work(stack: LiveStack, how: signal.Signals | str) -> None:
    """By buildx, which `ensure` starts itself; its lines are told as they come."""
    stack.codeopen("up")
    make_slow(stack)
    with start(stack, "ensure", "--flavor", "js", "--addon", "databases") as process:
        wait_until(lambda: is_building(stack), "it builds nothing")
        assert end_by(process, how) in ({128 + how} if isinstance(how, signal.Signals) else NOBODY_LISTENS)
    assert_nothing_goes_on(stack)
