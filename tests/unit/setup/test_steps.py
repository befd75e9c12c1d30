"""What set-up does, in which order, and how it tells of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import set_up
from commands import SetupError
from machine import Machine
from paths import Paths
from set_up import MACHINES, list_steps, main
from steps import Step, perform, show
from tests.unit.stand_ins import StandIns

CHECKOUT = Path(__file__).parents[3]
FIRST = ["System packages", "Python packages", "Pulumi CLI"]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(CHECKOUT, tmp_path / "home")


@pytest.fixture
def nothing(stand_ins: StandIns) -> StandIns:
    """A machine with an Engine that doesn't answer and no Pulumi that is new enough."""
    stand_ins.put("docker", "exit 1")
    stand_ins.put("pulumi", "echo v2.0.0")
    return stand_ins


def step(title: str, there: str | None, made: str | Exception = "made", log: list[str] | None = None) -> Step:
    def make() -> str:
        (log if log is not None else []).append(title)
        if isinstance(made, Exception):
            raise made
        return made

    return Step(title, f"make {title}", lambda: there, make)


def titles(paths: Paths, machine: Machine) -> list[str]:
    return [step.title for step in list_steps(paths, machine)]


def test_an_ordinary_machine_takes_what_is_official(paths: Paths, nothing: StandIns) -> None:
    assert nothing
    assert titles(paths, MACHINES["ordinary"]) == [
        *FIRST,
        "Buildx",
        "Pulumi plugins",
        "Docker Engine",
        "Image builder",
        "This checkout",
    ]
    plans = {step.title: step.plan for step in list_steps(paths, MACHINES["ordinary"])}
    assert plans["Pulumi CLI"] == "install v3.259.0 with the official installer"
    assert plans["Pulumi plugins"] == "install docker v5.2.0, kubernetes v4.34.2, docker-build v0.0.22"
    assert plans["Image builder"] == "create the builder codeopen in a container"


def test_a_registry_only_machine_compiles_and_stands_in(paths: Paths, nothing: StandIns) -> None:
    assert nothing
    assert titles(paths, MACHINES["registry-only"]) == [
        *FIRST,
        "docker-build",
        "BuildKit",
        "OCI registry",
        "Buildx",
        "Pulumi plugins",
        "Docker Engine",
        "Image builder",
        "Registry image",
        "Upstreams",
        "This checkout",
    ]
    plans = {step.title: step.plan for step in list_steps(paths, MACHINES["registry-only"])}
    assert plans["Pulumi CLI"] == "compile v3.259.0 from Go modules"
    assert "fallbacks for docker v5.2.0 and kubernetes v4.34.2" in plans["Pulumi plugins"]
    assert plans["Image builder"] == "start buildkitd and name it as a builder"


def test_half_a_machine_takes_half(paths: Paths, nothing: StandIns) -> None:
    assert nothing
    no_images = titles(paths, Machine(releases=True, images=False))
    assert "docker-build" not in no_images
    assert "Upstreams" in no_images
    no_releases = titles(paths, Machine(releases=False, images=True))
    assert "docker-build" in no_releases
    assert "Upstreams" not in no_releases


@pytest.mark.parametrize("kind", sorted(MACHINES))
def test_a_dry_run_prints_each_step_and_changes_nothing(
    kind: str,
    nothing: StandIns,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    assert main(["--dry-run", "--machine", kind]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert "This machine" in first
    assert [line[2:18].rstrip() for line in lines] == titles(Paths(CHECKOUT, home), MACHINES[kind])
    assert all(": " in line for line in lines)
    assert list(home.iterdir()) == []
    asking = ("docker info", "docker version", "docker buildx version", "docker buildx inspect", "docker image inspect")
    assert [call for call in nothing.calls if not call.startswith((*asking, "pulumi version"))] == []
    assert [call for call in nothing.calls if "--bootstrap" in call] == [], "it would start the builder"


def test_a_dry_run_shows_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    log: list[str] = []
    show([step("First", "v1", log=log), step("Second", None, log=log)])
    assert capsys.readouterr().out == "  First            found: v1\n  Second           would: make Second\n"
    assert log == []


def test_only_what_is_missing_is_done_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    log: list[str] = []
    perform([step("One", None, log=log), step("Two", "v2", log=log), step("Three", None, log=log)])
    assert log == ["One", "Three"]
    assert capsys.readouterr().out.splitlines() == [
        "[1/3] One              make One …",
        "[1/3] One              made, 0 s",
        "[2/3] Two              v2",
        "[3/3] Three            make Three …",
        "[3/3] Three            made, 0 s",
    ]


def test_nothing_is_done_after_a_step_that_fails() -> None:
    log: list[str] = []
    with pytest.raises(SetupError, match="no disk"):
        perform([step("One", None, SetupError("no disk"), log), step("Two", None, log=log)])
    assert log == ["One"]


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (SetupError("No Go: get it", "line 1\nline 2"), 1, "set-up can't go on: No Go: get it\nline 1\nline 2\n"),
        (SetupError("No Go: get it"), 1, "set-up can't go on: No Go: get it\n"),
        (OSError(28, "No space left", "/x"), 1, "set-up can't go on: [Errno 28] No space left: '/x'\n"),
        (KeyboardInterrupt(), 130, "set-up was interrupted; run it again to go on\n"),
    ],
)
def test_a_failure_is_told_in_one_line_with_the_logs_last_lines(
    error: BaseException,
    code: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> str:
        raise error

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(set_up, "list_steps", lambda *_: [Step("One", "do it", lambda: None, fail)])
    assert main(["--machine", "ordinary"]) == code
    assert capsys.readouterr().err == told


def test_build_caches_go_only_when_every_step_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    cache = tmp_path / ".cache" / "codeopen" / "go" / "mod"
    cache.mkdir(parents=True)
    failing = step("One", None, SetupError("x"))
    for steps, kept in (([failing], True), ([step("One", "there")], False)):
        monkeypatch.setattr(set_up, "list_steps", lambda *_, steps=steps: steps)
        main(["--machine", "ordinary"])
        assert cache.exists() is kept
