from __future__ import annotations

from pathlib import Path

import pytest

from codeopen.images.compose.arrangement import Unit, arrange, merge_units
from codeopen.images.compose.part_index import PartIndex
from codeopen.images.compose.verdicts import Verdicts
from tests.unit.images.compose.layers import STATES, STATUS, automatic, make_base, make_part, stanza, status


@pytest.mark.parametrize(
    ("refused", "units"),
    [
        ([], (("js",), ("a",), ("b",), ("c",))),
        ([(1, 3)], (("js",), ("a", "c"), ("b",))),
        ([(0, 2)], (("js", "b"), ("a",), ("c",))),
        ([(1, 2), (2, 3)], (("js",), ("a", "b", "c"))),
        ([(2, 3), (0, 1)], (("js", "a"), ("b", "c"))),
        ([(0, 3), (1, 3)], (("js", "a", "c"), ("b",))),
    ],
)
def test_units_that_refuse_each_other_are_put_together(refused: list[tuple[int, int]], units: tuple[Unit, ...]) -> None:
    assert merge_units((("js",), ("a",), ("b",), ("c",)), refused) == units


@pytest.fixture
def parts() -> dict[str, PartIndex]:
    """Of two add-ons each has another version of a package; a third has a file of the first two's chain."""
    base = make_base()
    return {
        "base": base,
        "js": make_part("js", base, {"usr/lib/node": b"node"}),
        "a": make_part("a", base, {STATUS: status("bash", "libc6", "libx=1"), "usr/lib/a": b"a"}),
        "b": make_part("b", base, {STATUS: status("bash", "libc6", "libx=2"), "usr/lib/b": b"b"}),
        "c": make_part("c", base, {"usr/lib/c": b"c"}),
        "a+b": make_part("a+b", base, {STATUS: status("bash", "libc6", "libx=2"), "usr/lib/c": b"other"}),
        "a+b+c": make_part("a+b+c", base, {"usr/lib/abc": b"abc"}),
    }


def test_what_was_put_together_is_judged_again_until_all_agree(parts: dict[str, PartIndex], tmp_path: Path) -> None:
    asked: list[Unit] = []

    def index_of(unit: Unit) -> PartIndex:
        asked.append(unit)
        return parts["+".join(unit)]

    found = arrange(parts["base"], ("js", "a", "b", "c"), index_of, Verdicts(tmp_path).of)
    assert found.units == (("js",), ("a", "b", "c"))
    assert found.indexes == (parts["js"], parts["a+b+c"])
    assert found.chains == (("a", "b", "c"),)
    assert [(refusal.one, refusal.other) for refusal in found.refusals] == [(("a",), ("b",)), (("a", "b"), ("c",))]
    assert {finding.rule for finding in found.refusals[0].verdict.findings} == {"one-version"}
    assert ("a", "b") in asked


def test_parts_that_agree_are_never_built(parts: dict[str, PartIndex], tmp_path: Path) -> None:
    found = arrange(parts["base"], ("js", "a", "c"), lambda unit: parts[unit[0]], Verdicts(tmp_path).of)
    assert found.units == (("js",), ("a",), ("c",))
    assert found.refusals == ()


def test_a_chain_around_another_unit_is_judged_both_ways_and_keeps_the_layer_order(
    parts: dict[str, PartIndex], tmp_path: Path
) -> None:
    """Behind a, and before c, b has a package that would do for what the chain of a and c chose."""
    base = parts["base"]
    chosen = status("bash", "libc6", stanza("tool", Depends="left | right"), "left")
    parts["a"] = make_part("a", base, {"etc/app": b"a"})
    parts["b"] = make_part("b", base, {STATUS: status("bash", "libc6", "right")})
    parts["c"] = make_part("c", base, {"etc/app": b"c"})
    parts["a+c"] = make_part("a+c", base, {STATUS: chosen, STATES: automatic("left")})
    parts["a+b+c"] = make_part("a+b+c", base, {"etc/app": b"c"})
    found = arrange(base, ("a", "b", "c"), lambda unit: parts["+".join(unit)], Verdicts(tmp_path).of)
    assert found.units == (("a", "b", "c"),)
    assert [refusal.other for refusal in found.refusals] == [("c",), ("b",)]
    assert {finding.rule for finding in found.refusals[1].verdict.findings} == {"same-choices"}


def test_verdicts_are_kept_by_digest_and_damaged_ones_made_again(
    parts: dict[str, PartIndex], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, one, other = parts["base"], parts["a"], parts["b"]
    first = Verdicts(tmp_path).of(base, one, other)
    assert not first.composed
    with monkeypatch.context() as patched:
        patched.setattr("codeopen.images.compose.verdicts.judge", lambda _: pytest.fail("it was judged before"))
        assert Verdicts(tmp_path).of(base, one, other) == first
    (file,) = (tmp_path / "verdicts").iterdir()
    file.write_bytes(b'{"findings": [{"rule"')
    assert Verdicts(tmp_path).of(base, one, other) == first
