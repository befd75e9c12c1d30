"""SIGKILL of the CLI in the middle of a resource: the next `codeopen up` ends as if nothing had happened.

`make test` kills it at three kinds of resources; `make test-kill` at every one. For users this is told in
docs/how-to/recover-an-interrupted-run.md.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import LiveStack, prepare_stack

SAMPLE = ("registry-container", "parts-base-amd64-build", "project-demo-container")
SECONDS = 180


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[LiveStack]:
    (tmp_path / "state").mkdir()
    prepared = prepare_stack(tmp_path / "checkout", tmp_path / "state")
    prepared.configure({"id": "demo", "tier": "starter", "flavor": "js"}, parts=["js"])
    try:
        yield prepared
    finally:
        prepared.remove()


def start_up(stack: LiveStack) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "codeopen.cli", "up", "--stack", stack.name, "--format", "json"]
    return subprocess.Popen(
        command,
        cwd=stack.checkout,
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def children(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(child) for child in listed.split()]


def begun(stack: LiveStack) -> set[str]:
    """The resources that the running operation has begun to change."""
    file = stack.checkout / ".codeopen" / "stacks" / f"{stack.name}.events"
    names = set()
    for line in file.read_text().splitlines() if file.is_file() else []:
        try:
            metadata = json.loads(line).get("resourcePreEvent", {}).get("metadata", {})
        except ValueError:
            continue  # a line that is still being written
        if metadata.get("op") not in {None, "same"}:
            names.add(metadata["urn"].rpartition("::")[2])
    return names


def kill_at(stack: LiveStack, resource: str) -> bool:
    """Run `up` and kill the CLI with SIGKILL once it works on a resource; False when it never came to that."""
    (stack.checkout / ".codeopen" / "stacks" / f"{stack.name}.events").unlink(missing_ok=True)
    process = start_up(stack)
    deadline = time.monotonic() + SECONDS
    while process.poll() is None:
        assert time.monotonic() < deadline, f"`up` did not end in {SECONDS} s"
        if resource in begun(stack):
            (cli,) = [child for child in children(process.pid) if Path(f"/proc/{child}/comm").read_text() == "pulumi\n"]
            os.kill(cli, signal.SIGKILL)
            _, errors = process.communicate(timeout=SECONDS)
            assert process.returncode == 1, errors
            assert "Traceback" not in errors
            return True
        time.sleep(0.005)
    output, errors = process.communicate()
    assert process.returncode == 0, f"{output}\n{errors}"
    return False


def engine_names(kind: str, stack: LiveStack) -> set[str]:
    listing = {"container": ["ps", "--all"], "network": ["network", "ls"], "volume": ["volume", "ls"]}[kind]
    style = "{{.Names}}" if kind == "container" else "{{.Name}}"
    command = ["docker", *listing, "--filter", f"label=codeopen.stack={stack.name}", "--format", style]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def all_resources(stack: LiveStack) -> list[str]:
    """Every resource that a first `up` makes, in an order that a run may take."""
    config = stack.checkout / ".codeopen" / "stacks" / f"Pulumi.{stack.name}.yaml"
    stack.codeopen("up", "--dry-run")
    done = stack.pulumi("preview", "--json", "--config-file", str(config))
    steps = json.loads(done.stdout)["steps"]
    names = [step["urn"].rpartition("::")[2] for step in steps]
    return [name for name in names if re.match(r"registry-|mirror-|parts-|project-demo-", name)]


@pytest.mark.parametrize(
    "every", [False, pytest.param(True, marks=pytest.mark.heavy)], ids=["sample", "every resource"]
)
def test_a_killed_up_leaves_nothing_that_the_next_one_does_not_put_right(stack: LiveStack, *, every: bool) -> None:
    resources = all_resources(stack) if every else list(SAMPLE)
    killed = [resource for resource in resources if kill_at(stack, resource)]
    rows = json.loads(stack.codeopen("up", "--format", "json").stdout)
    # What has no dependencies begins at once, so that a kill at one such resource finds others done.
    assert len(killed) >= len(SAMPLE), f"too few runs were killed to show anything: {killed}"
    assert [project["health"] for project in rows["projects"]] == ["healthy"]
    name = f"codeopen-{stack.name}"
    assert engine_names("container", stack) == {f"{name}-registry", f"{name}-demo"}
    assert engine_names("network", stack) == {f"{name}-demo"}
    assert engine_names("volume", stack) == {f"{name}-registry", f"{name}-demo-home"}
    assert stack.preview() == {}
    state = json.loads(stack.pulumi("stack", "export").stdout)["deployment"]
    assert not state.get("pending_operations")
    assert left_processes(stack) == []


def left_processes(stack: LiveStack) -> list[str]:
    """Processes that still work for this stack's checkout."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if str(stack.checkout) in (folder / "environ").read_text() and int(folder.name) != os.getpid():
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.mark.heavy
def test_files_survive_a_kill_while_the_container_is_replaced(stack: LiveStack) -> None:
    stack.codeopen("up")
    container = stack.container("demo")
    write = ["docker", "exec", container, "sh", "-c", "echo mine >/home/developer/workspace/notes.txt"]
    subprocess.run(write, check=True)
    stack.configure({"id": "demo", "tier": "builder", "flavor": "js"}, parts=["js"])
    assert kill_at(stack, "project-demo-container")
    stack.codeopen("up")
    read = ["docker", "exec", container, "cat", "/home/developer/workspace/notes.txt"]
    assert subprocess.run(read, capture_output=True, text=True, check=True).stdout == "mine\n"
    limit = ["docker", "inspect", "--format", "{{.HostConfig.CpuQuota}}", container]
    assert subprocess.run(limit, capture_output=True, text=True, check=True).stdout == "200000\n"


@pytest.mark.heavy
def test_of_two_ups_at_once_one_refuses_with_a_clear_line(stack: LiveStack) -> None:
    first = start_up(stack)
    deadline = time.monotonic() + SECONDS
    while "registry-container" not in begun(stack):
        assert time.monotonic() < deadline
        assert first.poll() is None
        time.sleep(0.02)
    second = stack.codeopen("up", check=False)
    assert second.returncode == 6
    assert re.search(r"stack \S+ is in use: process \d+", second.stderr), second.stderr
    assert "wait for it to end" in second.stderr
    output, errors = first.communicate(timeout=SECONDS)
    assert first.returncode == 0, errors
    assert json.loads(output)["projects"][0]["health"] == "healthy"
