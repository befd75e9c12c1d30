"""The process limit against the real Docker Engine, by a bounded fork test, and through the real CLI."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import docker
import pytest
from docker.models.containers import Container

from provider.process_limit import ProcessLimit
from provider.protocol.errors import PluginError
from provider.protocol.resource import Change
from tests.engine.plugins.conftest import TEST_LABEL, Stack, remove_everything

LIMIT = 64
WANTED = 200
FORK = f"i=0; while [ $i -lt {WANTED} ]; do sleep 5 & i=$((i+1)); done; wait"
PIDS_MAX = ("/sys/fs/cgroup/pids/pids.max", "/sys/fs/cgroup/pids.max")


@pytest.fixture
def container(engine: docker.DockerClient, image: str, tmp_path: Path) -> Iterator[Container]:
    suffix = tmp_path.name
    command = ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]
    yield engine.containers.run(image, command, detach=True, labels={TEST_LABEL: suffix})
    remove_everything(engine, suffix)


def limit(container: Container, limit: int = LIMIT) -> None:
    assert container.id is not None
    ProcessLimit().create({"container": container.id, "limit": limit}, Event())


def most_processes(container: Container) -> int:
    """The most processes that the container had while a loop in it asked for WANTED, before they end by themselves."""
    container.exec_run(["/bin/sh", "-c", FORK], detach=True)
    most, deadline = 0, time.monotonic() + 4
    while time.monotonic() < deadline and most < WANTED:
        most = max(most, len(container.top()["Processes"]))
        time.sleep(0.1)
    return most


def pids_max(container: Container) -> str:
    output = container.exec_run(["cat", *PIDS_MAX], stderr=False).output
    assert isinstance(output, bytes)
    return output.decode().strip()


def test_a_container_never_has_more_processes_than_its_limit_even_after_a_restart(container: Container) -> None:
    limit(container)
    assert LIMIT // 2 < most_processes(container) <= LIMIT
    container.restart(timeout=0)
    assert pids_max(container) == str(LIMIT)
    assert LIMIT // 2 < most_processes(container) <= LIMIT


def test_without_a_limit_the_same_loop_gets_all_its_processes(container: Container) -> None:
    assert most_processes(container) >= WANTED


def test_a_limit_changes_in_place_and_is_read_back(container: Container, engine: docker.DockerClient) -> None:
    limit(container)
    assert container.id is not None
    inputs = {"container": container.id, "limit": LIMIT}
    ProcessLimit().update(Change(container.id, inputs, {**inputs, "limit": 2 * LIMIT}), inputs, Event())
    assert pids_max(container) == str(2 * LIMIT)
    observed = ProcessLimit().read(container.id, inputs, inputs)
    assert observed is not None
    assert observed.inputs == {**inputs, "limit": 2 * LIMIT}
    unlimited = engine.containers.run(
        container.attrs["Config"]["Image"], ["sleep", "60"], detach=True, labels=container.labels
    )
    assert unlimited.id is not None
    observed = ProcessLimit().read(unlimited.id, {}, {})
    assert observed is not None
    assert observed.inputs == {"container": unlimited.id, "limit": None}


def test_a_container_that_is_gone(container: Container) -> None:
    container.remove(force=True)
    assert container.id is not None
    assert ProcessLimit().read(container.id, {}, {}) is None
    with pytest.raises(PluginError, match="No such container"):
        limit(container)


@pytest.mark.heavy
def test_a_whole_life(stack: Stack, engine: docker.DockerClient) -> None:
    stack.configure(processes=LIMIT)
    stack.up()
    container = engine.containers.get(stack.name)
    assert container.attrs["HostConfig"]["PidsLimit"] == LIMIT
    stack.expect_no_changes()
    stack.configure(processes=LIMIT + 1, memory=96)
    stack.up()
    container.reload()
    assert container.attrs["HostConfig"]["PidsLimit"] == LIMIT + 1
    limit(container, 9)
    drift = " ".join(stack.run("refresh", "--yes", "--diff").output.split())
    assert f"limit: {LIMIT + 1} => 9" in drift
    stack.up()
    stack.expect_no_changes()
    container.remove(force=True)
    assert "- 2 deleted" in stack.run("refresh", "--yes").output
    stack.up()
    assert engine.containers.get(stack.name).attrs["HostConfig"]["PidsLimit"] == LIMIT + 1
    stack.configure(mode="two")
    stack.up()
    assert engine.containers.get(stack.name).attrs["HostConfig"]["PidsLimit"] == LIMIT + 1
    stack.run("destroy", "--yes", "--skip-preview")
