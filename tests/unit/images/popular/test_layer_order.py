from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from codeopen.images.popular.layer_order import Demand, best_order, expected_bytes

NAMES = ("a", "b", "c", "d", "e")
UNIT = dict.fromkeys(NAMES, 1)


def demand(**projects: int) -> list[Demand]:
    """``js_ab=3``: three projects run js with a and b."""
    return [Demand(*_split(name), number) for name, number in projects.items()]


def _split(name: str) -> tuple[str, frozenset[str]]:
    flavor, _, addons = name.partition("_")
    return flavor, frozenset(addons)


def chain_bytes(order: Sequence[str], wanted: list[Demand], sizes: dict[str, int], node_projects: int) -> Fraction:
    """The expected bytes by their definition: chains are tuples of a flavor and the add-ons up to a layer."""
    everything = sum(each.projects for each in wanted)
    chains: dict[tuple[str, ...], int] = {}
    for each in wanted:
        chain: tuple[str, ...] = (each.flavor,)
        for addon in (name for name in order if name in each.addons):
            chain = (*chain, addon)
            chains[chain] = chains.get(chain, 0) + each.projects
    return sum(
        (
            sizes[chain[-1]] * (1 - (1 - Fraction(projects, everything)) ** node_projects)
            for chain, projects in chains.items()
            if projects
        ),
        Fraction(0),
    )


def test_expected_bytes_of_a_small_case() -> None:
    # Half of the projects have a, the other half a and b. With a first, both share it.
    wanted = demand(js_a=1, js_ab=1)
    sizes = {"a": 100, "b": 10}
    # One project: 100, or 110 as often.
    assert expected_bytes(("a", "b"), wanted, sizes, 1) == 105
    assert expected_bytes(("b", "a"), wanted, sizes, 1) == 105
    # Two: a is there for certain; b unless both are without it, 3 of 4 times.
    assert expected_bytes(("a", "b"), wanted, sizes, 2) == 100 + Fraction(3, 4) * 10
    # With b first, a is there twice unless both projects are the same: 3/4 of each kind.
    assert expected_bytes(("b", "a"), wanted, sizes, 2) == Fraction(3, 4) * (100 + 10 + 100)


def test_flavors_share_nothing() -> None:
    assert expected_bytes(("a",), demand(js_a=1, go_a=1), {"a": 100}, 2) == 150


def test_the_shared_one_comes_first() -> None:
    assert best_order(("a", "b"), demand(js_b=5, js_ab=5), {"a": 10, "b": 10}) == ("b", "a")
    assert best_order(("a", "b"), demand(js_a=5, js_ab=5), {"a": 10, "b": 10}) == ("a", "b")


def test_the_large_one_comes_first_where_use_does_not_decide() -> None:
    wanted = demand(js_a=5, js_b=5, js_ab=5)
    assert best_order(("a", "b"), wanted, {"a": 10, "b": 11}) == ("b", "a")
    assert best_order(("a", "b"), wanted, {"a": 11, "b": 10}) == ("a", "b")


def test_equals_keep_the_order_that_is() -> None:
    wanted = demand(js_ab=5, js_cd=5)
    for now in itertools.permutations("abcd"):
        assert best_order(now, wanted, UNIT) == now, "no order is better: nothing changes"
        assert best_order(now, [], UNIT) == now
        assert best_order(now, demand(js_ab=0), UNIT) == now


def test_what_nobody_uses_comes_last_as_it_was() -> None:
    assert best_order(("e", "a", "d", "b"), demand(js_b=5, js_ab=5), UNIT) == ("b", "a", "e", "d")


@st.composite
def cases(draw: st.DrawFn) -> tuple[tuple[str, ...], list[Demand], dict[str, int], int]:
    names = NAMES[: draw(st.integers(1, 5))]
    addons = st.frozensets(st.sampled_from(names))
    rows = draw(st.lists(st.tuples(st.sampled_from(["js", "go"]), addons, st.integers(0, 9)), max_size=8))
    sizes = {name: draw(st.integers(0, 9)) for name in names}
    now = tuple(draw(st.permutations(names)))
    return now, [Demand(*row) for row in rows], sizes, draw(st.integers(1, 4))


@given(case=cases())
def test_no_order_of_all_is_better_and_equals_go_by_the_places_of_today(
    case: tuple[tuple[str, ...], list[Demand], dict[str, int], int],
) -> None:
    now, wanted, sizes, node_projects = case
    best = best_order(now, wanted, sizes, node_projects)
    assert sorted(best) == sorted(now)
    if not sum(each.projects for each in wanted):
        assert best == now
        return
    costs = {order: chain_bytes(order, wanted, sizes, node_projects) for order in itertools.permutations(now)}
    for order, cost in costs.items():
        assert expected_bytes(order, wanted, sizes, node_projects) == cost
    assert costs[best] == min(costs.values()) <= costs[now]
    if costs[now] == costs[best]:
        assert best == now
    assert best_order(now, list(reversed(wanted)), sizes, node_projects) == best


@given(case=cases())
def test_step_by_step_is_never_worse_than_today(
    case: tuple[tuple[str, ...], list[Demand], dict[str, int], int],
) -> None:
    now, wanted, sizes, node_projects = case
    nearby = best_order(now, wanted, sizes, node_projects, exact=0)
    assert sorted(nearby) == sorted(now)
    cost = expected_bytes(nearby, wanted, sizes, node_projects)
    assert expected_bytes(best_order(now, wanted, sizes, node_projects), wanted, sizes, node_projects) <= cost
    assert cost <= expected_bytes(now, wanted, sizes, node_projects)
    assert best_order(now, list(reversed(wanted)), sizes, node_projects, exact=0) == nearby


def test_step_by_step_goes_beyond_today_s_order_and_the_heaviest_first() -> None:
    # Everybody has c, which weighs least: b belongs behind it.
    wanted = demand(js_ac=3, js_abc=6)
    assert best_order(("a", "b", "c"), wanted, {"a": 8, "b": 2, "c": 1}, exact=0) == ("a", "c", "b")


def test_many_add_ons_are_put_in_order_step_by_step() -> None:
    names = tuple(f"addon-{number}" for number in range(20))
    # Project n has the last n add-ons: each that is more popular has to come before.
    wanted = [Demand("js", frozenset(names[20 - number :]), 1) for number in range(1, 21)]
    assert best_order(names, wanted, dict.fromkeys(names, 1)) == tuple(reversed(names))
