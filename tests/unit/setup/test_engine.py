from __future__ import annotations

import os
from pathlib import Path

import pytest

import engine
import go_tools
from commands import SetupError
from engine import BUILDER, BUILDKIT_IMAGE, container_builder_step, engine_step, remote_builder_step
from paths import Paths
from tests.unit.stand_ins import StandIns
from tests.unit.trees import write_tree

INSPECT = f"docker buildx inspect {BUILDER}"
# A builder exists when the file `builder` does, and runs when that says so.
DOCKER = r"""case "$*" in
  info) test -e "$HERE/engine" ;;
  "version --format"*) echo 20.10.24 ;;
  "buildx inspect --bootstrap"*) test -e "$HERE/builder" && test ! -e "$HERE/broken" && echo running >"$HERE/builder" ;;
  "buildx inspect"*) test -e "$HERE/builder" && printf 'Name: x\nStatus:   %s\n' "$(cat "$HERE/builder")" ;;
  "buildx rm"*) rm "$HERE/builder" ;;
  "buildx create"*) echo running >"$HERE/builder" ;;
  *) exit 1 ;;
esac"""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    tree = write_tree(tmp_path / "checkout", {"tools/go/buildkit/go.mod": ""})
    return Paths(tree, tmp_path / "home")


@pytest.fixture
def docker(stand_ins: StandIns) -> StandIns:
    stand_ins.put("docker", DOCKER)
    return stand_ins


def builder(docker: StandIns, state: str) -> None:
    (docker.folder / "builder").write_text(state)


def test_a_running_engine_is_left_alone(docker: StandIns, paths: Paths) -> None:
    (docker.folder / "engine").touch()
    assert engine_step(paths).found() == "20.10.24, running"
    (docker.folder / "engine").unlink()
    assert engine_step(paths).found() is None


def test_an_engine_is_started_and_waited_for(docker: StandIns, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    docker.put("dockerd", 'sleep 0.2; touch "$HERE/engine"')
    docker.put("systemctl", 'touch "$HERE/engine"')
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert engine_step(paths).run() == "started"
    assert ("dockerd " in docker.calls) != ("systemctl start docker" in docker.calls)


def test_an_engine_that_does_not_start_is_told_with_its_log(
    docker: StandIns, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.put("dockerd", "echo no cgroups")
    docker.put("systemctl", "echo no cgroups >&2; exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(engine, "START_SECONDS", 1)
    with pytest.raises(SetupError, match="The Docker Engine does not answer: start it") as caught:
        engine_step(paths).run()
    assert caught.value.log.strip() == "no cgroups"


def test_without_root_nothing_is_started(docker: StandIns, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    docker.put("dockerd")
    docker.put("systemctl", "exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SetupError, match="usermod -aG docker"):
        engine_step(paths).run()
    assert "dockerd " not in docker.calls


@pytest.mark.parametrize(("state", "found"), [(None, None), ("running", f"{BUILDER}, running"), ("inactive", None)])
def test_a_builder_is_looked_at_without_being_started(
    docker: StandIns, paths: Paths, state: str | None, found: str | None
) -> None:
    if state is not None:
        builder(docker, state)
    assert container_builder_step().found() == remote_builder_step(paths).found() == found
    assert set(docker.calls) == {INSPECT}


def test_a_missing_builder_is_made_in_a_container(docker: StandIns) -> None:
    assert container_builder_step().run() == f"{BUILDER} created"
    created = f"--driver docker-container --driver-opt network=host,image={BUILDKIT_IMAGE} --bootstrap"
    assert docker.calls[-1] == f"docker buildx create --name {BUILDER} {created}"
    assert container_builder_step().found() == f"{BUILDER}, running"


def test_a_stopped_builder_is_started_and_keeps_its_cache(docker: StandIns) -> None:
    builder(docker, "inactive")
    assert container_builder_step().run() == f"{BUILDER} started"
    assert [call for call in docker.calls if " rm " in call or " create " in call] == []


def test_a_broken_builder_is_made_anew(docker: StandIns) -> None:
    builder(docker, "error")
    (docker.folder / "broken").touch()
    assert container_builder_step().run() == f"{BUILDER} created"
    assert f"docker buildx rm {BUILDER}" in docker.calls


def test_the_pinned_image_is_the_version_that_is_compiled_elsewhere() -> None:
    assert f":{go_tools.BUILDKIT.version}@sha256:" in BUILDKIT_IMAGE


def test_buildkitd_is_started_once_and_named(docker: StandIns, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    binaries = StandIns(go_tools.directory(paths, go_tools.BUILDKIT), monkeypatch)
    binaries.put("buildkitd", 'touch "$HERE/up"')
    binaries.put("buildctl", 'test -e "$HERE/up"')
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for _ in range(2):
        assert remote_builder_step(paths).run() == f"{BUILDER} started"
    socket = f"unix://{paths.state}/buildkitd.sock"
    assert len([call for call in binaries.calls if call.startswith("buildkitd ")]) == 1
    assert any(call.startswith(f"buildkitd --addr {socket} --root ") for call in binaries.calls)
    assert docker.calls[-1] == f"docker buildx create --name {BUILDER} --driver remote {socket}"


def test_buildkitd_needs_root(docker: StandIns, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SetupError, match="buildkitd needs root on this machine"):
        remote_builder_step(paths).run()
    assert docker.calls == []
