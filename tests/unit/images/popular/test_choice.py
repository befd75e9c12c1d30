from __future__ import annotations

import itertools
import json
from fractions import Fraction
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from codeopen.images.popular.choice import MOST, Choice, choose, estimate_registry_bytes
from codeopen.images.popular.use import Use
from codeopen.model.plan.combinations import Combination
from tests.unit.images.popular.samples import use_of, used

SCHEMA = Path(__file__).parents[4] / "catalog" / "schema" / "popular.schema.json"
NAMES = [" ".join(("js", *chosen)) for size in range(4) for chosen in itertools.combinations("abc", size)]


def names(choice: Choice) -> list[str]:
    return [" ".join((each.use.combination.flavor, *each.use.combination.addons)) for each in choice.chosen]


def test_the_selections_that_a_byte_serves_decide() -> None:
    costs = {"js a": 10, "js b": 40, "js c": 100}
    use = use_of(used("js a", 10), used("js b", 60), used("js c", 90))
    # 1, 1.5 and 0.9 selections a byte.
    choice = choose(use, 60, lambda combination: costs[" ".join((combination.flavor, *combination.addons))])
    assert names(choice) == ["js b", "js a"]
    assert [each.cumulative for each in (*choice.chosen, *choice.left_out)] == [60, 70, 160]
    assert (choice.registry_bytes, choice.hit_rate) == (50, Fraction(70, 160))
    assert choice.bound == Fraction(70 + 9, 160), "a tenth of the third would fit"


def test_a_flavor_alone_costs_nothing_and_is_chosen_without_a_budget() -> None:
    assert estimate_registry_bytes(Combination("js", ())) == 0
    choice = choose(use_of(used("js", 1), used("js a", 99)), 0)
    assert names(choice) == ["js"]
    assert choice.hit_rate == Fraction(1, 100)


def test_equals_are_chosen_in_catalog_order() -> None:
    use = use_of(*(used(name, 5) for name in ("js b", "js a", "js c")))
    assert names(choose(use, 140_000)) == ["js b", "js a"]


def test_what_nobody_selected_or_nobody_can_have_is_not_chosen_but_counts() -> None:
    use = use_of(used("js", 0), used("js a", 30), used("js b", 70, obstacle="b is planned"))
    choice = choose(use, 1 << 40)
    assert names(choice) == ["js a"]
    assert (choice.left_out, choice.hit_rate, choice.bound) == ((), Fraction(3, 10), Fraction(3, 10))


def test_new_combinations_are_to_be_expected_as_often_as_they_came_before() -> None:
    use = use_of(used("js", 7), used("js a", 1), used("js b", 1), used("js c", 1))
    assert choose(use, 1 << 40).hit_rate == 1
    assert choose(use, 1 << 40).expected_hit_rate == Fraction(7, 10), "Good-Turing: three of ten were new"


def test_no_use_no_choice() -> None:
    choice = choose(use_of(), 10)
    assert choice.chosen == ()
    assert [choice.hit_rate, choice.expected_hit_rate, choice.bound] == [0, 0, 0]


def test_no_more_are_chosen_than_the_catalog_can_list() -> None:
    assert json.loads(SCHEMA.read_text())["properties"]["popular"]["maxItems"] == MOST
    use = use_of(*(used(f"js {number}", 5) for number in range(4)))
    choice = choose(use, 1 << 40, most=3)
    assert [len(choice.chosen), len(choice.left_out), choice.bound] == [3, 1, 1]


@st.composite
def demands(draw: st.DrawFn) -> tuple[Use, dict[Combination, int]]:
    chosen = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=8))
    combinations = [
        used(name, draw(st.integers(0, 20)), obstacle=draw(st.sampled_from(["", "", "x"]))) for name in chosen
    ]
    return use_of(*combinations), {each.combination: draw(st.integers(0, 12)) for each in combinations}


@given(demand=demands(), budgets=st.lists(st.integers(0, 60), min_size=2, max_size=6))
def test_a_larger_budget_only_adds_and_what_is_chosen_fits(
    demand: tuple[Use, dict[Combination, int]], budgets: list[int]
) -> None:
    use, costs = demand
    choices = [choose(use, budget, costs.__getitem__) for budget in sorted(budgets)]
    for choice in choices:
        assert choice.registry_bytes == sum(costs[each.use.combination] for each in choice.chosen) <= choice.budget
        assert 0 <= choice.expected_hit_rate <= choice.hit_rate <= choice.bound <= 1
    for smaller, larger in itertools.pairwise(choices):
        assert larger.chosen[: len(smaller.chosen)] == smaller.chosen
        assert larger.hit_rate >= smaller.hit_rate
        assert larger.expected_hit_rate >= smaller.expected_hit_rate


@given(demand=demands(), budget=st.integers(0, 60))
def test_no_choice_exceeds_the_bound_and_little_is_given_up(
    demand: tuple[Use, dict[Combination, int]], budget: int
) -> None:
    use, costs = demand
    choice = choose(use, budget, costs.__getitem__)
    havable = [each for each in use.combinations if not each.obstacle]
    best = max(
        (
            choice.share(sum(each.count for each in some))
            for size in range(len(havable) + 1)
            for some in itertools.combinations(havable, size)
            if sum(costs[each.combination] for each in some) <= budget
        ),
    )
    assert choice.hit_rate <= best <= choice.bound
    given_up = choice.share(choice.left_out[0].use.count) if choice.left_out else Fraction(0)
    assert best - choice.hit_rate <= given_up
