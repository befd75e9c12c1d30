"""``codeopen part test``, ``part clean``, ``addon test`` and ``addon new`` as people and programs see them."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from codeopen.authoring.part_test.report import PartTrial, TrialReport
from codeopen.authoring.part_test.run import TrialLimits
from codeopen.authoring.part_test.target import Target, Targets, Untried
from codeopen.cli import part
from codeopen.cli.main import main
from codeopen.errors import StackInUseError
from codeopen.images.verify.results import Result
from codeopen.platform.deploy.stack import Watch

CHECKOUT = Path(__file__).parents[3]
GOOD = Result("base", "git", passed=True, seconds=0.1)
BAD = Result("image", "home", passed=False, seconds=0.2, detail="/home/developer/x would be hidden\nand 2 more")
BASE = PartTrial("base", 500, 748_300_000, 261_000_000, "built", 61, (GOOD, GOOD), {"ubuntu": "Debian"}, {})
GPU = PartTrial("addon-gpu", None, 1_800_000_000, 9, "adopted", 2, (GOOD,), {"ubuntu": "Debian"}, {"cuda": "gpu: none"})
BROKEN = PartTrial("js", 800, None, None, "", 0, (BAD,), {}, {})
UNTRIED = (Untried("go", "has no Dockerfile"),)
TEXT = """\
PART       SPEC    UNPACKED  COMPRESSED  BUILD    CHECKS
base       500 MB  748 MB    261 MB      61 s     2/2
addon-gpu  -       1800 MB   0 MB        adopted  1/1
js         800 MB  -         -           failed   0/1

Stands in for an upstream:
  ubuntu (base, addon-gpu): Debian

Left out:
  addon-gpu: check cuda, gpu: none

Can't be built:
  go has no Dockerfile

Failed:
  js: image home
    /home/developer/x would be hidden
    and 2 more

The disks' use rose by 3.2 GB at most.
"""


class StandIn:
    """Stands in for trials: notes what it is asked for, and reports what a test gives it."""

    def __init__(self) -> None:
        self.report = TrialReport((BASE,), (), 0)
        self.targets = Targets((), ())
        self.asked: list[Any] = []
        self.name = "offline-trial"
        self.catalog = SimpleNamespace(addons={"gui": None, "gpu": None})
        self.plan = None
        self.error: Exception | None = None

    def open(self, stack: str, checkout: Path) -> StandIn:
        self.asked.append(("open", stack, checkout))
        return self

    def find(self, catalog: object, plan: object, names: list[str]) -> Targets:
        assert (catalog, plan) == (self.catalog, self.plan)
        self.asked.append(("find", list(names)))
        return self.targets

    def try_all(self, stack: object, targets: Targets, limits: TrialLimits, watch: Watch) -> TrialReport:
        assert (stack, targets) == (self, self.targets)
        watch.note("base: verifying …")
        self.asked.append(("try", limits))
        if self.error:
            raise self.error
        return self.report

    def remove(self, watch: Watch) -> None:
        watch.note("removing")
        self.asked.append("remove")


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StandIn:
    stand_in = StandIn()
    monkeypatch.setattr(part, "open_trial", stand_in.open)
    monkeypatch.setattr(part, "find_targets", stand_in.find)
    monkeypatch.setattr(part, "try_all", stand_in.try_all)
    monkeypatch.setenv("CODEOPEN_STACK", "offline")
    monkeypatch.chdir(tmp_path)
    return stand_in


def call(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(argv)
    told = capsys.readouterr()
    return code, told.out, told.err


def test_the_report_is_a_table_and_what_people_need_to_know_besides(
    trials: StandIn, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    trials.report = TrialReport((BASE, GPU, BROKEN), UNTRIED, 3_210_000_000)
    assert call(capsys, "part", "test") == (1, TEXT, "  base: verifying …\n")
    assert trials.asked == [("open", "offline", tmp_path), ("find", []), ("try", TrialLimits(10, keep=False))]


def test_what_passed_says_no_more_than_it_has_to(trials: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert trials
    code, out, _ = call(capsys, "part", "test", "base")
    assert code == 0
    assert "Failed" not in out
    assert "Left out" not in out
    assert "Can't be built" not in out


def test_what_is_too_large_fails_the_command(trials: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    trials.report = TrialReport((replace(BASE, compressed_bytes=301_000_000),), (), 0)
    code, out, _ = call(capsys, "part", "test")
    assert code == 1
    assert "\nToo large:\n  base has 301.0 MB compressed, and may have 300 MB\n" in out


def test_a_part_that_is_named_must_be_buildable(trials: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    trials.report = TrialReport((), UNTRIED, 0)
    code, out, _ = call(capsys, "part", "test", "go")
    assert (code, out.splitlines()[1:3]) == (1, ["Can't be built:", "  go has no Dockerfile"])
    trials.report = TrialReport((BASE,), UNTRIED, 0)
    assert call(capsys, "part", "test")[0] == 0, "without names, planned parts are no failure"


def test_options_reach_the_trial(trials: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "part", "test", "js", "js-code-gui", "--keep", "--cache", "25", "--stack", "dev")
    opened, found, tried = trials.asked
    assert opened[1] == "dev"
    assert found == ("find", ["js", "js-code-gui"])
    assert tried == ("try", TrialLimits(25, keep=True))


def test_programs_get_data(trials: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    trials.report = TrialReport((BROKEN,), UNTRIED, 5)
    code, out, _ = call(capsys, "part", "test", "--format", "json")
    data = json.loads(out)
    assert (code, list(data)) == (1, ["passed", "parts", "not_buildable", "peak_disk_bytes", "exceeded"])
    assert data["parts"][0]["checks"][0]["name"] == "home"


def test_an_addon_is_tried_by_its_id(trials: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "addon", "test", "gui")[0] == 0
    assert trials.asked[1] == ("find", ["addon-gui"])


def test_what_is_no_addon_is_told(trials: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "addon", "test", "guy")
    assert (code, out) == (5, "")
    assert err.startswith("add-on 'guy': the catalog has none of that id; ")
    assert "gui" in err
    assert len(trials.asked) == 1


def test_errors_are_told_without_a_traceback(trials: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    trials.error = StackInUseError("stack offline-trial is in use")
    assert call(capsys, "part", "test") == (6, "", "  base: verifying …\nstack offline-trial is in use\n")


def test_an_interrupt_is_no_error(trials: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    trials.error = KeyboardInterrupt()  # type: ignore[assignment]
    assert call(capsys, "part", "test")[0] == 130


def test_a_termination_clears_up_as_an_interrupt_does(
    trials: StandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def terminate(*_: object) -> TrialReport:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("it goes on")

    assert trials
    monkeypatch.setattr(part, "try_all", terminate)
    assert call(capsys, "part", "test")[0] == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_was_kept_can_be_removed(trials: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "part", "clean") == (0, "removed stack offline-trial with its registry\n", "  removing\n")
    assert trials.asked[-1] == "remove"


def test_targets_are_values() -> None:
    assert Target.__dataclass_params__.frozen  # type: ignore[attr-defined]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(CHECKOUT / "catalog", tmp_path / "catalog")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_addon_says_what_to_do_next(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "addon", "new", "pdf", "--name", "PDF Tools")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines() if line.startswith("  ")] == [
        "catalog/addons.yaml",
        "dockerfiles/addons/pdf/Dockerfile",
        "dockerfiles/addons/pdf/README.md",
        "codeopen",
        "codeopen",
        "codeopen",
        "docs/how-to/add-an-addon.md",
    ]
    assert "codeopen part test addon-pdf" in out
    assert "name: PDF Tools" in (checkout / "catalog/addons.yaml").read_text()
    assert call(capsys, "catalog", "check")[0] == 0


def test_a_new_addon_as_data(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(call(capsys, "addon", "new", "web", "--port", "9000", "--format", "json")[1])
    assert data["addon"] == "web"
    assert (checkout / "catalog/addons.yaml").read_text().endswith(data["entry"])
    assert [Path(file).name for file in data["files"]] == [
        "addons.yaml",
        "Dockerfile",
        "README.md",
        "service.py",
        "supervisor.conf",
    ]
    assert all((checkout / file).is_file() for file in data["files"])


def test_the_same_addon_is_not_added_twice(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "addon", "new", "pdf")
    before = (checkout / "catalog/addons.yaml").read_bytes()
    code, out, err = call(capsys, "addon", "new", "pdf")
    assert (code, out, err) == (4, "", "add-on 'pdf': the catalog has it already; choose another id\n")
    assert (checkout / "catalog/addons.yaml").read_bytes() == before


def test_a_new_flavor_is_added_and_says_what_to_do_next(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "flavor", "new", "elixir")
    assert (code, err) == (0, "")
    assert "dockerfiles/flavors/elixir/Dockerfile" in out
    assert "codeopen part test elixir" in out
    assert "docs/how-to/add-a-flavor.md" in out
    assert call(capsys, "catalog", "check")[0] == 0
    data = json.loads(call(capsys, "flavor", "new", "erlang", "--format", "json")[1])
    assert (data["flavor"], data["files"][0]) == ("erlang", "catalog/flavors.yaml")
    assert (checkout / "catalog/flavors.yaml").read_text().endswith(data["entry"])
