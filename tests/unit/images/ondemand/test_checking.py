"""Which pairs of parts the gate is asked about: all that a combination can hold, the lower first."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from codeopen.images.ondemand.checking import list_pairs
from codeopen.model.catalog.model import Status
from codeopen.model.plan.combinations import enumerate_combinations
from codeopen.model.plan.parts import list_members
from tests.unit.catalogs import make_addon, make_catalog, make_companion, make_flavor

A, B, C = (make_addon(name, order=order) for order, name in enumerate("abc"))
FLAVORS = [make_flavor("js"), make_flavor("python", 2)]
COMPANION = make_companion("extra", ("python",), ("b",))


def pairs(**parts: object) -> list[str]:
    catalog = make_catalog(**{"flavors": FLAVORS, "addons": [A, B, C], **parts})  # type: ignore[arg-type]  # a test's own
    found = [f"{one} {other}" for one, other in list_pairs(catalog)]
    assert len(found) == len(set(found))
    held = {
        f"{one} {other}"
        for each in enumerate_combinations(catalog)
        for one, other in combinations(list_members(catalog, each.flavor, each.addons), 2)
    }
    assert set(found) == held
    return found


def test_a_flavor_with_each_add_on_and_any_two_of_these() -> None:
    assert pairs(flavors=[make_flavor("js")], addons=[B, A]) == ["js addon-a", "js addon-b", "addon-a addon-b"]


def test_a_companion_with_its_flavors_and_with_every_add_on_in_the_order_of_layers() -> None:
    found = [pair for pair in pairs(companions=[COMPANION]) if "companion" in pair]
    assert found == [
        "python companion-extra",
        "addon-a companion-extra",
        "addon-b companion-extra",
        "companion-extra addon-c",
    ]


def test_not_with_what_excludes_its_add_ons() -> None:
    excluding = replace(A, incompatible_with=("b",))
    assert "addon-a companion-extra" not in pairs(companions=[COMPANION], addons=[excluding, B, C])


def test_not_what_is_planned() -> None:
    planned = replace(B, status=Status.PLANNED)
    assert [pair for pair in pairs(companions=[COMPANION], addons=[A, planned, C]) if "extra" in pair] == []
