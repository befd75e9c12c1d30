from __future__ import annotations

import json
from pathlib import Path

import pytest

from codeopen.authoring.part_test.report import PartTrial, TrialReport, as_data
from codeopen.images.popular.sizes import PartSize, estimate_sizes, parse_sizes, read_sizes
from codeopen.images.popular.use import UseError
from tests.unit.catalogs import make_catalog

CATALOG = make_catalog()


def trial(name: str, unpacked: int | None, compressed: int | None) -> PartTrial:
    return PartTrial(name, None, unpacked, compressed, "built", 1, (), {}, {})


def report(*trials: PartTrial) -> str:
    return json.dumps(as_data(TrialReport(trials, (), 0)))


def test_what_a_trial_reports_is_what_each_part_adds_to_the_base(tmp_path: Path) -> None:
    file = tmp_path / "sizes.json"
    rows = (trial("base", 700, 200), trial("js", 1100, 400), trial("addon-gui", 1000, 260), trial("js-gui", 1500, 9))
    file.write_text(report(*rows, trial("addon-gpu", None, None)))
    sizes = read_sizes(CATALOG, file)
    assert sizes.base == PartSize(700, 200, measured=True)
    assert sizes.flavors["js"] == PartSize(400, 200, measured=True)
    assert sizes.addons["gui"] == PartSize(300, 60, measured=True)
    assert sizes.addons["gpu"] == estimate_sizes(CATALOG).addons["gpu"], "it was not built"
    assert sizes.image_bytes("js", ("gui",)) == 700 + 400 + 300


def test_the_catalog_s_estimates_are_of_whole_images() -> None:
    sizes = estimate_sizes(CATALOG)
    assert sizes.base.unpacked == 500_000_000
    assert sizes.flavors["js"] == PartSize(300_000_000, 100_000_000, measured=False)
    assert sizes.image_bytes("js", ()) == 800_000_000
    assert len({size.unpacked for size in sizes.addons.values()}) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{\n\n", "sizes.json:3: no sizes of parts (JSONDecodeError"),
        ("[]", "sizes.json:1: no sizes of parts (TypeError"),
        ("{}", "no sizes of parts (KeyError: 'parts'); give what `codeopen part test --format json` prints"),
        ('{"parts": [{"part": "js"}]}', "no sizes of parts (KeyError: 'unpacked_bytes')"),
        ('{"parts": [{"part": [], "unpacked_bytes": 1, "compressed_bytes": 1}]}', "no sizes of parts"),
        (report(trial("base", -7, 200)), "sizes.json: base: -7 is no number of bytes"),
        (report(trial("base", 1, 200)).replace(": 1,", ": true,"), "base: True is no number of bytes"),
        (report(trial("base", 1.5, 200)), "base: 1.5 is no number of bytes"),  # type: ignore[arg-type]  # as in a file
        (report(trial("js", 7, 2)), "js is there without the base; measure both in one run: `codeopen part test base"),
        (report(trial("base", 9, 2), trial("addon-gui", 8, 2)), "addon-gui is smaller than the base"),
    ],
)
def test_a_file_that_has_no_sizes_says_so(text: str, told: str) -> None:
    with pytest.raises(UseError) as refused:
        parse_sizes(CATALOG, "sizes.json", text)
    assert told in str(refused.value)
