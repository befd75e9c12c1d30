from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

import local_files
from commands import SetupError
from go_tools import BUILDX, PULUMI, directory
from local_files import buildx_step, checkout_step
from machine import Machine
from paths import Paths
from tests.unit.stand_ins import StandIns
from tests.unit.trees import umask, write_tree

REGISTRY_ONLY = Machine(releases=False, images=False)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "a checkout", tmp_path / "home")
    write_tree(made.checkout / "tools/go", {"pulumi/go.mod": "", "buildx/go.mod": ""})
    write_tree(directory(made, PULUMI), {"pulumi": "#!/bin/sh\necho ours\n"})
    (directory(made, PULUMI) / "pulumi").chmod(0o755)
    return made


def snapshot(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        str(file.relative_to(folder)): (file.lstat().st_mtime_ns, str(file.readlink()) if file.is_symlink() else "")
        for file in sorted(folder.rglob("*"))
    }


def test_a_checkout_is_written_once(paths: Paths) -> None:
    step = checkout_step(paths, REGISTRY_ONLY)
    assert step.found() is None
    assert step.run() == ".codeopen/env written"
    assert step.found() == checkout_step(paths, REGISTRY_ONLY).found() == ".codeopen/env"
    assert (paths.bin / "pulumi").readlink() == directory(paths, PULUMI) / "pulumi"


def test_writing_again_changes_no_state(paths: Paths) -> None:
    step = checkout_step(paths, REGISTRY_ONLY)
    step.run()
    before = snapshot(paths.state)
    step.run()
    assert snapshot(paths.state) == before


@pytest.mark.parametrize("lost", ["env", "bin/pulumi"])
def test_what_was_lost_is_written_again(paths: Paths, lost: str) -> None:
    step = checkout_step(paths, REGISTRY_ONLY)
    step.run()
    (paths.local / lost).unlink()
    assert step.found() is None
    step.run()
    assert step.found() is not None


def test_another_kind_of_machine_is_another_environment(paths: Paths) -> None:
    checkout_step(paths, REGISTRY_ONLY).run()
    assert checkout_step(paths, Machine(releases=False, images=True)).found() is None


def test_the_environment_can_be_sourced(paths: Paths) -> None:
    checkout_step(paths, REGISTRY_ONLY).run()
    script = '. "$0"; pulumi; echo "$PULUMI_BACKEND_URL"; echo "$PULUMI_CONFIG_PASSPHRASE_FILE"; echo "$CODEOPEN_STACK"'
    command = ["sh", "-euc", script, str(paths.local / "env")]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}).stdout
    program, backend, passphrase, stack = said.splitlines()
    assert backend.partition("?")[0] == f"file://{paths.backend}"
    assert (program, passphrase, stack) == ("ours", str(paths.passphrase), "offline")


def test_a_missing_cli_is_told(paths: Paths) -> None:
    (directory(paths, PULUMI) / "pulumi").unlink()
    with pytest.raises(SetupError, match=r"does not exist: delete .* and run set-up again"):
        checkout_step(paths, REGISTRY_ONLY).run()
    assert not paths.passphrase.exists()


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_the_passphrase_is_made_once_for_its_owner_alone(tmp_path: Path, mask: int) -> None:
    file = tmp_path / "passphrase"
    (tmp_path / "passphrase.part").write_text("of a run that was killed")
    with umask(mask):
        local_files._make_passphrase(file)
    first = file.read_text()
    assert len(first) >= 43, "32 random bytes"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    local_files._make_passphrase(file)
    assert file.read_text() == first
    local_files._make_passphrase(tmp_path / "other")
    assert (tmp_path / "other").read_text() != first
    assert {path.name for path in tmp_path.iterdir()} == {"passphrase", "other"}


def test_buildx_of_the_machine_comes_first(paths: Paths, stand_ins: StandIns) -> None:
    stand_ins.put("docker")
    assert buildx_step(paths).found() == "of this machine"
    assert stand_ins.calls == ["docker buildx version"]


@pytest.mark.parametrize("own", [True, False])
def test_a_compiled_buildx_is_put_where_docker_looks(
    paths: Paths, stand_ins: StandIns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, own: bool
) -> None:
    stand_ins.put("docker", "exit 1")
    config = tmp_path / "docker config" if own else paths.home / ".docker"
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    if own:
        monkeypatch.setenv("DOCKER_CONFIG", str(config))
    binary = directory(paths, BUILDX) / "docker-buildx"
    write_tree(binary.parent, {"docker-buildx": ""})
    for _ in range(2):
        assert buildx_step(paths).run() == "v0.35.0, compiled before"
        assert (config / "cli-plugins/docker-buildx").readlink() == binary


def test_a_machine_without_buildx_and_go_is_told_both_ways(
    paths: Paths, stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_ins.put("docker", "exit 1")
    monkeypatch.setenv("PATH", str(stand_ins.folder))
    with pytest.raises(SetupError, match=r"Docker's Buildx is missing: install it \(`apt-get install docker-buildx`"):
        buildx_step(paths).run()
