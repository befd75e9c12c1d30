"""The plugins through the real CLI against the real Docker Engine."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from tests.engine.plugins.conftest import TEST_LABEL, Stack

MIB = 1024 * 1024
CGROUP_V1 = "/sys/fs/cgroup/memory/memory.limit_in_bytes"
CGROUP_V2 = "/sys/fs/cgroup/memory.max"


def test_a_whole_life(stack: Stack, engine: docker.DockerClient) -> None:
    """Up, clean preview, update in place, replacement, destroy: one stack, since each step needs the one before."""
    first = stack.up()
    assert re.findall(r"\d+ warnings?", first.output) == ["1 warning"]
    assert "the fallback docker plugin stands in for the official one" in first.output
    made = engine.containers.get(stack.name)
    password = stack.output("password", secret=True)
    _expect_declared(made.attrs, stack, password)
    stack.expect_no_changes()

    stack.configure(memory=96, cpuQuota=75_000)
    stack.up()
    updated = engine.containers.get(stack.name)
    assert updated.id == made.id
    assert (updated.attrs["HostConfig"]["Memory"], updated.attrs["HostConfig"]["CpuQuota"]) == (96 * MIB, 75_000)
    assert _in_container(
        updated, "cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"
    ) == (str(96 * MIB))
    stack.expect_no_changes()

    _in_container(updated, "sh", "-c", "echo work > /data/file")
    stack.configure(mode="two")
    preview = stack.run("preview", "--diff")
    assert "envs" in preview.output
    assert "+-1 to replace" in preview.output
    stack.up()
    replaced = engine.containers.get(stack.name)
    assert replaced.id != made.id
    assert "MODE=two" in replaced.attrs["Config"]["Env"]
    assert f"PASSWORD={password}" in replaced.attrs["Config"]["Env"]
    assert _in_container(replaced, "cat", "/data/file") == "work"
    stack.expect_no_changes()

    stack.run("refresh", "--yes", "--skip-preview")
    stack.expect_no_changes()
    _expect_secret(stack, password, [first.output, preview.output])
    stack.run("destroy", "--yes", "--skip-preview")
    assert _left(engine, stack) == []
    assert engine.images.get(stack.image) is not None


def _expect_declared(inspected: dict[str, object], stack: Stack, password: str) -> None:
    host, config = inspected["HostConfig"], inspected["Config"]
    assert isinstance(host, dict)
    assert isinstance(config, dict)
    assert (host["Memory"], host["MemoryReservation"]) == (64 * MIB, 32 * MIB)
    assert (host["CpuPeriod"], host["CpuQuota"]) == (100_000, 50_000)
    assert (host["CapDrop"], host["SecurityOpt"]) == (["ALL"], ["no-new-privileges:true"])
    assert host["Binds"] == [f"{stack.name}:/data:rw"]
    assert f"PASSWORD={password}" in config["Env"]
    networks = inspected["NetworkSettings"]["Networks"]  # type: ignore[index] # a nested document
    assert list(networks) == [stack.name]
    assert "app" in networks[stack.name]["Aliases"]


def _in_container(container: Container, *command: str) -> str:
    output = container.exec_run(list(command), stderr=False).output
    assert isinstance(output, bytes)
    return output.decode().strip()


def _expect_secret(stack: Stack, password: str, outputs: list[str]) -> None:
    texts = stack.state_texts()
    assert any("codeopen:index:Credential" in text for text in texts.values())
    assert [name for name, text in texts.items() if password in text] == []
    assert [output for output in outputs if password in output] == []


def _left(engine: docker.DockerClient, stack: Stack) -> list[object]:
    filters: dict[str, str | list[str] | bool] = {"label": f"{TEST_LABEL}={stack.suffix}"}
    return [
        *engine.containers.list(all=True, filters=filters),
        *engine.networks.list(filters=filters),
        *engine.volumes.list(filters=filters),
    ]


def test_what_is_deleted_or_changed_behind_pulumis_back_shows_and_comes_back(
    stack: Stack, engine: docker.DockerClient
) -> None:
    stack.up()
    password = stack.output("password", secret=True)
    container = engine.containers.get(stack.name)
    container.update(mem_limit=80 * MIB, memswap_limit=160 * MIB)
    container.stop(timeout=0)
    drift = " ".join(stack.run("refresh", "--yes", "--diff").output.split())
    assert "memory : 64 => 80" in drift
    assert "mustRun: false" in drift
    stack.up()
    container.reload()
    assert (container.status, container.attrs["HostConfig"]["Memory"]) == ("running", 64 * MIB)

    container.remove(force=True)
    engine.networks.get(stack.name).remove()
    engine.volumes.get(stack.name).remove()
    gone = stack.run("refresh", "--yes").output
    assert "- 3 deleted" in gone
    stack.up()
    assert engine.containers.get(stack.name).status == "running"
    assert stack.output("password", secret=True) == password
    stack.expect_no_changes()


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("unsupported", "is not supported by the fallback docker plugin"),
        ("tag", "the type docker:index/tag:Tag is not supported by the fallback docker plugin"),
    ],
)
def test_what_isnt_supported_is_refused_before_anything_is_made(
    stack: Stack, engine: docker.DockerClient, option: str, text: str
) -> None:
    stack.configure(**{option: "true"})
    refused = stack.run("preview", ok=False)
    assert refused.code != 0
    assert text in " ".join(refused.output.split())
    assert "official plugin" in refused.output
    assert _left(engine, stack) == []


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_container_that_cant_start_leaves_no_orphan(
    stack: Stack, engine: docker.DockerClient, taken_port: int
) -> None:
    stack.configure(port=taken_port)
    failed = stack.up(ok=False)
    assert failed.code != 0
    assert "address already in use" in failed.output
    assert engine.containers.list(all=True, filters={"label": f"{TEST_LABEL}={stack.suffix}"}) == []
    stack.run("config", "rm", "port")
    stack.up()


def test_an_unhealthy_container_is_kept_and_waited_for_again(stack: Stack, engine: docker.DockerClient) -> None:
    stack.configure(check="/bin/false", waitTimeout=1)
    failed = stack.up(ok=False)
    assert failed.code != 0
    assert "not healthy within 1 s" in failed.output
    assert f"docker logs {stack.name}" in failed.output
    kept = engine.containers.get(stack.name)
    again = stack.up(ok=False)
    assert "not healthy within 1 s" in again.output
    assert engine.containers.get(stack.name).id == kept.id
    stack.configure(check="/bin/true")
    stack.up()
    stack.expect_no_changes()


def test_a_volume_of_somebody_else_is_refused(stack: Stack, engine: docker.DockerClient) -> None:
    volume = engine.volumes.create(stack.name, labels={TEST_LABEL: "of somebody else"})
    try:
        failed = stack.up(ok=False)
        assert f"can't create the volume {stack.name}: one of that name exists" in " ".join(failed.output.split())
    finally:
        volume.remove(force=True)


def test_a_volume_that_a_killed_run_left_is_adopted(stack: Stack, engine: docker.DockerClient) -> None:
    created = engine.volumes.create(stack.name, labels={TEST_LABEL: stack.suffix}).attrs["CreatedAt"]
    stack.up()
    assert engine.volumes.get(stack.name).attrs["CreatedAt"] == created
    stack.expect_no_changes()


def test_a_volume_made_by_hand_can_be_imported(stack: Stack, engine: docker.DockerClient) -> None:
    engine.volumes.create(stack.name, labels={TEST_LABEL: stack.suffix})
    stack.run(
        "import", "docker:index/volume:Volume", "volume", stack.name,
        "--yes", "--generate-code=false", "--protect=false", "--skip-preview",
    )  # fmt: skip
    stack.up()
    stack.expect_no_changes()


@pytest.mark.heavy
def test_a_container_made_by_hand_can_be_imported(stack: Stack, engine: docker.DockerClient) -> None:
    stack.up()
    stack.run("state", "delete", "urn:pulumi:dev::codeopen::docker:index/container:Container::container", "--yes")
    stack.run(
        "import", "docker:index/container:Container", "container", stack.name,
        "--yes", "--generate-code=false", "--protect=false", "--skip-preview",
    )  # fmt: skip
    before = engine.containers.get(stack.name).id
    preview = stack.run("preview", "--diff").output
    assert "replace" not in preview, preview
    stack.up()
    assert engine.containers.get(stack.name).id == before


def test_plugins_are_found_from_elsewhere_and_dynamic_resources_work(stack: Stack, tmp_path: Path) -> None:
    stack.configure(dynamic="true")
    preview = stack.run("preview", "--cwd", str(stack.folder / "program"), cwd=tmp_path)
    assert "$PATH" not in preview.output
    stack.up("--target", "**echo", "--target", "**credential", "--target", "**codeopen-dev")
    plugin_path = "provider/bin"
    assert [name for name, text in stack.state_texts().items() if plugin_path in text] == []


def test_a_replaced_credential_has_another_password(stack: Stack) -> None:
    target = ("--target", "**credential", "--target", "**codeopen-dev")
    stack.up(*target)
    first = stack.run("stack", "export", "--show-secrets").output
    stack.up(*target)
    assert stack.run("stack", "export", "--show-secrets").output.count("plaintext") == first.count("plaintext")
    stack.configure(username="root")
    assert "+-1 replaced" in stack.up(*target).output


def test_nothing_outlives_a_killed_cli(stack: Stack, engine: docker.DockerClient) -> None:
    stack.configure(check="/bin/false", waitTimeout=60)
    cli = stack.start("up", "--yes", "--skip-preview")
    _wait_for(lambda: engine.containers.list(filters={"name": stack.name}) != [])
    running = stack.processes()
    assert len(running) >= 4, running  # the CLI, the language host, the program, two providers
    cli.kill()
    cli.wait()
    _wait_for(lambda: stack.processes() == [])


def _wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not within the time limit"
        time.sleep(0.1)
