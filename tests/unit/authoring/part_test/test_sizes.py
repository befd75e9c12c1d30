"""``codeopen part sizes``: measured sizes in the place of the catalog's and the page's, by the real files' texts."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codeopen.authoring.part_test.report import PartTrial, TrialReport, as_data
from codeopen.authoring.part_test.sizes import BEGIN, END
from codeopen.cli.main import main
from codeopen.environment.settings import plan_request, read_settings
from codeopen.environment.stack_file import read_stack_values
from codeopen.images.popular.sizes import ASSUMED_ADDON, estimate_sizes
from codeopen.images.verify.results import Result
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.context import read_contexts
from codeopen.model.plan.parts import list_builds
from codeopen.model.plan.plan import make_plan

CHECKOUT = Path(__file__).parents[4]
GOOD = Result("base", "git", passed=True, seconds=0.1)
BASE = PartTrial("base", 500, 612_400_000, 250_600_000, "built", 37, (GOOD, GOOD), {}, {})
JS = PartTrial("js", 800, 1_060_500_001, 449_000_000, "adopted", 0, (GOOD,), {}, {})
GUI = PartTrial("addon-gui", None, 1_113_000_000, 399_000_000, "built", 36, (GOOD,), {}, {})


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real catalog and the real page."""
    shutil.copytree(CHECKOUT / "catalog", tmp_path / "catalog")
    (tmp_path / "docs").mkdir()
    shutil.copy(CHECKOUT / "docs/sizes.md", tmp_path / "docs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def measure(*trials: PartTrial, file: str = "sizes.json") -> str:
    Path(file).write_text(json.dumps(as_data(TrialReport(trials, (), 0))))
    return file


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["part", "sizes", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def changed_lines(checkout: Path, file: str) -> list[str]:
    before = (CHECKOUT / file).read_text().splitlines()
    return [line for line in (checkout / file).read_text().splitlines() if line not in before]


def rows(checkout: Path) -> Sequence[str]:
    return re.findall(r"^\| `.*", (checkout / "docs/sizes.md").read_text().partition(END)[0], re.MULTILINE)


def test_sizes_are_written_and_everything_else_stays(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, count = measure(BASE, JS, GUI), len(rows(checkout))
    code, told, _ = call(capsys, file)
    assert (code, changed_lines(checkout, "catalog/base.yaml")) == (1, []), "without --write it only says so"
    assert re.search(r"^catalog/base\.yaml:8:22: base: [\d,]+ MB in the catalog, measured 612 MB$", told, re.MULTILINE)
    assert call(capsys, file, "--write")[0] == 0
    assert changed_lines(checkout, "catalog/base.yaml") == ["  estimated_size_mb: 612"]
    assert changed_lines(checkout, "catalog/flavors.yaml") == ["    estimated_size_mb: 1061"]
    assert changed_lines(checkout, "catalog/addons.yaml") == ["    estimated_size_mb: 1113"]
    catalog = read_catalog(checkout / "catalog")
    assert (catalog.base.estimated_size_mb, catalog.base.specified_size_mb) == (612, 500)
    assert (catalog.flavors["js"].estimated_size_mb, catalog.flavors["js"].specified_size_mb) == (1061, 800)
    assert catalog.addons["gui"].estimated_size_mb == 1113
    assert {
        "| `base` | about 500 | 612 | 251 | 37 | 2 of 2 |",
        "| `js` | about 800 | 1,061 | 449 | adopted | 1 of 1 |",
        "| `addon-gui` |  | 1,113 | 399 | 36 | 1 of 1 |",
    } <= {*rows(checkout)}
    assert len(rows(checkout)) == count, "rows of other parts stay"
    assert call(capsys, file) == (0, "The sizes are as they were measured.\n", "")


def test_an_addon_without_a_size_gets_its_line(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = checkout / "catalog/addons.yaml"
    file.write_text(re.sub(r"    estimated_size_mb: .*\n", "", file.read_text()))
    bare, before = read_catalog(checkout / "catalog"), file.read_text()
    assert {addon.estimated_size_mb for addon in bare.addons.values()} == {None}
    assert estimate_sizes(bare).addons["gui"].unpacked == ASSUMED_ADDON
    cloud = replace(GUI, name="addon-cloud", unpacked_bytes=1_000_000_000)
    assert call(capsys, measure(GUI, cloud), "--write", "--format", "json")[0] == 0
    assert (
        file.read_text().replace("    estimated_size_mb: 1113\n", "").replace("    estimated_size_mb: 1000\n", "")
        == before
    )
    catalog = read_catalog(checkout / "catalog")
    sizes = {addon.id: addon.estimated_size_mb for addon in catalog.addons.values()}
    assert {name: size for name, size in sizes.items() if size} == {"gui": 1113, "cloud": 1000}
    beyond = (1113 - catalog.base.estimated_size_mb) * 1_000_000
    assert estimate_sizes(catalog).addons["gui"].unpacked == beyond


def test_what_was_not_built_or_not_whole_is_no_size(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a part that something is left out of, the page tells the size, and the catalog doesn't."""
    cut = replace(GUI, name="addon-cloud", left_out={"gcloud": "gcloud: left out"}, unpacked_bytes=7_000_000)
    file = measure(replace(BASE, unpacked_bytes=None, compressed_bytes=None, work=""), cut)
    code, told, _ = call(capsys, file, "--write", "--format", "json")
    assert (code, json.loads(told)) == (0, {"ok": True, "differences": [], "written": ["docs/sizes.md"]})
    assert "| `addon-cloud` |  | 7 | 399 | 36 | 1 of 1 |" in rows(checkout)


def test_of_several_files_the_last_counts_and_checks_are_added_up(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = checkout / "docs/sizes.md"
    page.write_text(f"# Sizes\n\n{BEGIN}\nold\n{END}\n\nBelow.\n")
    failed = replace(GUI, results=(GOOD, replace(GOOD, passed=False)))
    files = measure(BASE, JS, file="1.json"), measure(replace(BASE, unpacked_bytes=7_000_000), failed, file="2.json")
    assert call(capsys, *files, "--write")[0] == 0
    assert read_catalog(checkout / "catalog").base.estimated_size_mb == 7
    assert page.read_text().endswith(f"\n\n4 of 5 checks passed.\n\n{END}\n\nBelow.\n")
    page.unlink()
    assert call(capsys, *files) == (0, "The sizes are as they were measured.\n", ""), "a catalog without the page"


@pytest.mark.parametrize(
    ("row", "told", "ends"),
    [
        ({}, "no sizes of parts (KeyError: 'part'); give what `codeopen part test --format json` prints", 4),
        ({"part": "js", "unpacked_bytes": "1", "compressed_bytes": 1}, "js: '1' is no number of bytes", 4),
        (
            {"part": "js", "unpacked_bytes": 1_000_000, "compressed_bytes": 1},
            "js: its row lacks what the table shows",
            1,
        ),
    ],
)
def test_a_file_of_another_kind_changes_nothing(
    checkout: Path, capsys: pytest.CaptureFixture[str], row: dict[str, Any], told: str, ends: int
) -> None:
    Path("sizes.json").write_text(json.dumps({"parts": [row]}))
    code, _, errors = call(capsys, "sizes.json", "--write")
    assert code == ends
    assert told in errors
    assert changed_lines(checkout, "catalog/flavors.yaml") == []


def test_a_page_without_the_marks_says_so(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "docs/sizes.md").write_text("# Sizes\n")
    code, _, errors = call(capsys, measure(BASE), "--write")
    assert code == 1
    assert f"docs/sizes.md: has no table of sizes; write the line {BEGIN}" in errors
    assert changed_lines(checkout, "catalog/base.yaml") == []


def test_measuring_builds_nothing_anew(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = read_settings("offline", read_stack_values(CHECKOUT, "offline"), CHECKOUT)
    before, request = read_catalog(CHECKOUT / "catalog"), plan_request(settings)
    contexts = read_contexts(CHECKOUT, list_builds(before))
    assert call(capsys, measure(BASE, JS, GUI), "--write")[0] == 0
    after = read_catalog(checkout / "catalog")
    assert after != before
    plans = [make_plan(catalog, contexts, request) for catalog in (before, after)]
    assert plans[0].parts == plans[1].parts
    assert plans[0].popular == plans[1].popular
