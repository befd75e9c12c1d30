"""What set-up prepares for `make images`, and only when it's asked to: a browser, and programs for arm64."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from commands import SetupError
from extras import Extra
from image_tests import emulation_step, programs
from paths import Paths
from set_up import MACHINES, list_steps
from tests.unit.stand_ins import StandIns


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.mark.parametrize("kind", sorted(MACHINES))
def test_emulation_comes_on_top_on_every_machine(tmp_path: Path, stand_ins: StandIns, kind: str) -> None:
    stand_ins.put("docker", "exit 1")
    paths = Paths(Path(__file__).parents[3], tmp_path / "home")
    plain = [step.title for step in list_steps(paths, MACHINES[kind])]
    titles = [step.title for step in list_steps(paths, MACHINES[kind], Extra.IMAGES)]
    stand_ins_for_arm64 = [] if MACHINES[kind].images else ["Upstreams arm64"]
    assert titles == [*plain[:-1], "Emulation", *stand_ins_for_arm64, plain[-1]]


def test_a_browser_that_is_there_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("image_tests.found", lambda program: program == "google-chrome")
    assert programs()[0] == ("google-chrome", "chromium")
    monkeypatch.setattr("image_tests.found", lambda _: False)
    assert programs()[0] == ("chromium", "chromium")


@pytest.mark.usefixtures("root")
def test_the_kernel_is_told_once(tmp_path: Path, stand_ins: StandIns) -> None:
    emulator = tmp_path / "qemu-aarch64"
    stand_ins.put("update-binfmts", f'[ "$1" = --enable ] && : >{emulator}')
    step = emulation_step(emulator)
    assert step.found() is None
    step.run()
    assert step.found()


@pytest.mark.usefixtures("root")
def test_a_kernel_that_can_not_is_told_of(tmp_path: Path, stand_ins: StandIns) -> None:
    stand_ins.put("update-binfmts", "exit 0")
    with pytest.raises(SetupError, match="has the kernel binfmt_misc"):
        emulation_step(tmp_path / "qemu-aarch64").run()


def test_who_may_not_is_told_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SetupError, match="sudo update-binfmts --enable"):
        emulation_step(tmp_path / "qemu-aarch64").run()
