from __future__ import annotations

from dataclasses import replace
from itertools import islice

from codeopen.model.catalog.model import PopularCombination, Status
from codeopen.model.plan.combinations import Combination, enumerate_combinations, popular_combinations
from tests.unit.catalogs import ARM64, make_addon, make_base, make_catalog, make_flavor, spec_addons


def sets(*addons: object) -> list[tuple[str, ...]]:
    catalog = make_catalog(flavors=[make_flavor("js")], addons=addons)  # type: ignore[arg-type]  # Addons
    return sorted(combination.addons for combination in enumerate_combinations(catalog))


def test_today_s_catalog_has_192_combinations() -> None:
    combinations = list(enumerate_combinations(make_catalog()))
    assert len(combinations) == len(set(combinations)) == 192
    assert Combination("polyglot", ("gui", "databases")) in combinations, "in layer order"


def test_the_planned_addons_will_make_them_1536() -> None:
    addons = [replace(addon, status=Status.AVAILABLE) for addon in spec_addons()]
    assert sum(1 for _ in enumerate_combinations(make_catalog(addons=addons))) == 1536


def test_planned_flavors_have_no_combinations() -> None:
    catalog = make_catalog(flavors=[replace(make_flavor("js"), status=Status.PLANNED)])
    assert list(enumerate_combinations(catalog)) == []


def test_incompatible_addons_are_never_together() -> None:
    a, b, c = (make_addon(name, order=order) for order, name in enumerate("abc"))
    assert sets(a, replace(b, incompatible_with=("a",)), c) == [(), ("a",), ("a", "c"), ("b",), ("b", "c"), ("c",)]


def test_required_addons_are_always_there() -> None:
    a, b = make_addon("a", order=1), replace(make_addon("b", order=2), requires_addons=("a",))
    assert sets(a, b) == [(), ("a",), ("a", "b")]
    assert sets(replace(a, status=Status.PLANNED), b) == [()]


def test_parts_without_a_common_platform_are_never_together() -> None:
    catalog = make_catalog(
        base=replace(make_base(), platforms=("linux/amd64", ARM64)),
        flavors=[make_flavor("js")],
        addons=[replace(make_addon("a"), platforms=(ARM64,))],
    )
    assert list(enumerate_combinations(catalog)) == [Combination("js", ())]


def test_nothing_is_enumerated_before_it_is_asked_for() -> None:
    catalog = make_catalog(addons=[make_addon(f"a{number}", order=number) for number in range(2000)])
    assert len(set(islice(enumerate_combinations(catalog), 3))) == 3


def test_popular_combinations_are_canonical_and_available() -> None:
    catalog = make_catalog(
        popular=(
            PopularCombination("js", ("databases", "gui"), "first"),
            PopularCombination("js", ("gui", "databases"), "the same again"),
            PopularCombination("js", ("mobile",), "planned"),
            PopularCombination("js", (), "plain"),
        )
    )
    assert dict(popular_combinations(catalog)) == {
        Combination("js", ("gui", "databases")): "first",
        Combination("js", ()): "plain",
    }


def test_popular_combinations_that_cannot_be_had_are_left_out() -> None:
    a = replace(make_addon("a"), requires_addons=("b",))
    b = replace(make_addon("b"), incompatible_with=("c",))
    popular = tuple(PopularCombination("js", addons, "") for addons in (("a",), ("b", "c"), ("a", "b")))
    catalog = make_catalog(addons=[a, b, make_addon("c")], popular=popular)
    assert list(popular_combinations(catalog)) == [Combination("js", ("a", "b"))]
