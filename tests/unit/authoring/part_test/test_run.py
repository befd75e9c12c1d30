"""Trying one image after the other, with a stack and a verification that stand in for real ones."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from codeopen.authoring.part_test import disk, run
from codeopen.authoring.part_test.disk import DiskWatch, prune_cache, used_bytes, watched_disk
from codeopen.authoring.part_test.report import PartTrial, TrialReport, as_data
from codeopen.authoring.part_test.run import TrialLimits, try_all
from codeopen.authoring.part_test.target import Target, Targets, Untried
from codeopen.authoring.part_test.trial_stack import Built
from codeopen.errors import DeployError, VerifyError
from codeopen.images.verify.results import Result, Verification
from codeopen.model.plan.parts import BASE, PartId, PartKind
from codeopen.platform.deploy.report import ImageRow
from codeopen.platform.deploy.stack import Watch
from tests.unit.stand_ins import StandIns

JS, GUI = PartId(PartKind.FLAVOR, "js"), PartId(PartKind.ADDON, "gui")
TARGETS = Targets((Target("base", BASE, None, 500), Target("js", JS, None, 800)), (Untried("go", "has no Dockerfile"),))
GOOD = Result("base", "git", passed=True, seconds=0.1)
BAD = Result("image", "home", passed=False, seconds=0.2, detail="a\nb")


class Stack:
    """Stands in for a trial's stack; notes what it is asked for."""

    def __init__(self, failing: str = "") -> None:
        self.asked: list[str] = []
        self.failing = failing
        self.settings = SimpleNamespace(builder="mine")
        self.label = {"codeopen.stack": "dev-trial"}
        self.catalog = None
        parts = [SimpleNamespace(id=BASE, builds_on=()), SimpleNamespace(id=JS, builds_on=(BASE,))]
        self.plan = SimpleNamespace(parts=[SimpleNamespace(part=part) for part in parts])

    def build(self, target: Target, watch: Watch) -> Built:
        assert watch
        self.asked.append(f"build {target.name}")
        if target.name == self.failing:
            raise DeployError("no")
        row = ImageRow(target.name, f"l/{target.name}:1", f"l/{target.name}@sha256:1", 10, 5, "built", 7)
        return Built(row, "l/base@sha256:1", ())

    def remove(self, watch: Watch) -> None:
        assert watch
        self.asked.append("remove")


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the Engine would have been asked for."""
    asked: list[str] = []
    monkeypatch.setattr(run, "remove_images", lambda names: asked.append(f"remove images {' '.join(names)}"))
    monkeypatch.setattr(run, "remove_containers", lambda *labels: asked.append(f"remove containers {' '.join(labels)}"))
    monkeypatch.setattr(run, "prune_cache", lambda builder, size: asked.append(f"prune {builder} {size}"))
    monkeypatch.setattr(run, "working_folders", lambda: ())
    expected = SimpleNamespace(substitutes={"ubuntu": "Debian"}, left_out={"cuda": "gpu: none here"})
    monkeypatch.setattr(run, "expect", lambda *_: expected)
    monkeypatch.setattr(run, "verify", lambda *_: Verification((GOOD, BAD), {}))
    return asked


def go(stack: Stack, notes: list[str], *, keep: bool = False) -> TrialReport:
    watch = Watch(lambda _: None, notes.append)
    return try_all(stack, TARGETS, TrialLimits(12, keep), watch)  # type: ignore[arg-type]


def test_each_image_is_built_verified_and_forgotten(engine: list[str], notes: list[str]) -> None:
    stack = Stack()
    report = go(stack, notes)
    assert stack.asked == ["build base", "build js", "remove"]
    assert [(trial.name, trial.work, trial.build_seconds, trial.results) for trial in report.trials] == [
        ("base", "built", 7, (GOOD, BAD)),
        ("js", "built", 7, (GOOD, BAD)),
    ]
    assert (report.passed, report.untried, report.trials[0].failed) == (False, TARGETS.untried, (BAD,))
    assert engine == [
        "prune mine 12",
        "remove images l/js@sha256:1",
        "prune mine 12",
        "remove containers codeopen.stack=dev-trial codeopen.verify",
        "remove images l/base@sha256:1 l/js@sha256:1",
    ]
    assert "js: 1 of 2 checks passed" in notes


def test_the_registry_can_be_kept(engine: list[str], notes: list[str]) -> None:
    assert engine == []
    stack = Stack()
    go(stack, notes, keep=True)
    assert "remove" not in stack.asked


def test_what_stands_on_a_part_that_fails_is_not_tried(engine: list[str], notes: list[str]) -> None:
    stack = Stack(failing="base")
    report = go(stack, notes)
    assert stack.asked == ["build base", "remove"]
    assert [trial.results[0].detail for trial in report.trials] == ["no", "base could not be built"]
    assert [(trial.work, trial.unpacked_bytes) for trial in report.trials] == [("", None), ("", None)]
    assert not report.passed
    assert "prune mine 12" in engine


def test_an_image_that_can_t_be_verified_has_failed(
    engine: list[str], notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Verification:
        raise VerifyError("no Engine")

    monkeypatch.setattr(run, "verify", refuse)
    report = go(Stack(), notes)
    assert [trial.results[0].name for trial in report.trials] == ["verify", "verify"]
    assert report.trials[1].unpacked_bytes == 10, "it was built all the same"
    assert engine


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_nothing_is_left_running_when_it_is_interrupted(
    engine: list[str], notes: list[str], monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def interrupt(*_: object) -> Verification:
        raise error

    monkeypatch.setattr(run, "verify", interrupt)
    stack = Stack()
    with pytest.raises(error):
        go(stack, notes)
    assert engine[-2:] == [
        "remove containers codeopen.stack=dev-trial codeopen.verify",
        "remove images l/base@sha256:1",
    ]
    assert "remove" not in stack.asked, "what was built is there for the next run"


def test_programs_get_every_field() -> None:
    trial = PartTrial("js", 800, 10, 5, "built", 7, (GOOD, BAD), {"ubuntu": "Debian"}, {"cuda": "none"})
    assert as_data(TrialReport((trial,), TARGETS.untried, 9)) == {
        "passed": False,
        "parts": [
            {
                "part": "js",
                "specified_mb": 800,
                "unpacked_bytes": 10,
                "compressed_bytes": 5,
                "work": "built",
                "build_seconds": 7,
                "checks": [
                    {"part": "base", "name": "git", "passed": True, "seconds": 0.1, "detail": ""},
                    {"part": "image", "name": "home", "passed": False, "seconds": 0.2, "detail": "a\nb"},
                ],
                "substitutes": {"ubuntu": "Debian"},
                "left_out": {"cuda": "none"},
            }
        ],
        "not_buildable": [{"name": "go", "reason": "has no Dockerfile"}],
        "peak_disk_bytes": 9,
        "exceeded": [],
    }


def test_what_takes_more_than_it_may_fails() -> None:
    base = PartTrial("base", 500, 800_000_000, 300_000_000, "built", 7, (GOOD,), {}, {})
    large = replace(base, compressed_bytes=300_100_000)
    assert TrialReport((base, replace(large, name="js")), (), 35_000_000_000).passed
    assert TrialReport((replace(base, compressed_bytes=None),), (), 0).passed
    report = TrialReport((large,), (), 35_100_000_000)
    assert not report.passed
    assert report.exceeded == (
        "base has 300.1 MB compressed, and may have 300 MB",
        "the disks' use rose by 35.1 GB, and may rise by 35 GB",
    )
    assert as_data(report)["exceeded"] == list(report.exceeded)


def counter(*values: int) -> Callable[[], int]:
    left = list(values)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def test_the_peak_is_counted_from_the_start() -> None:
    watch = DiskWatch(counter(100, 150, 120))
    watch.sample()
    watch.sample()
    assert watch.peak == 50


def test_disks_are_watched_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_SAMPLE_SECONDS", 0.001)
    used: Iterator[int] = iter([10, *([30] * 3), *([20] * 100_000)])
    with watched_disk(lambda: next(used)) as watch:
        while watch.peak < 20:
            pass
    assert watch.peak == 20


def test_each_disk_counts_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert used_bytes((tmp_path, tmp_path / "a", tmp_path / "missing")) == pytest.approx(
        used_bytes((tmp_path,)), rel=0.1
    )


def test_only_the_stack_s_builder_is_pruned(stand_ins: StandIns) -> None:
    stand_ins.put("docker")
    prune_cache("mine", 10)
    assert stand_ins.calls == ["docker buildx prune --builder mine --force --max-used-space 10GB"]


def test_a_builder_that_does_not_answer_is_no_failure(stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_ins.put("docker", "exit 1")
    prune_cache("mine", 10)

    def time_out(*_: Any, **__: Any) -> None:
        raise subprocess.TimeoutExpired("docker", 1)

    monkeypatch.setattr(subprocess, "run", time_out)
    prune_cache("mine", 10)
