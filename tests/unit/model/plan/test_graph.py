from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeopen.errors import PlanError
from codeopen.model.plan.graph import Graph

DIAMOND = Graph(("d", "b", "c", "a"), (("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")))


def test_generations_can_each_be_built_in_parallel() -> None:
    assert DIAMOND.generations() == (("a",), ("b", "c"), ("d",))
    assert DIAMOND.topological_order() == ("a", "b", "c", "d")


def test_reach() -> None:
    assert DIAMOND.ancestors("d") == ("b", "c", "a")
    assert DIAMOND.ancestors("a") == ()
    assert DIAMOND.descendants("a") == ("d", "b", "c")
    assert DIAMOND.descendants("b") == ("d",)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda edge: edge[0] < edge[1]), unique=True))
def test_parents_always_come_first(edges: list[tuple[int, int]]) -> None:
    order = Graph(tuple(reversed(range(10))), tuple(edges)).topological_order()
    assert sorted(order) == list(range(10))
    assert all(order.index(parent) < order.index(child) for parent, child in edges)


def test_a_circle_is_refused_with_its_nodes() -> None:
    with pytest.raises(PlanError, match="in a circle: b, c"):
        Graph(("a", "b", "c"), (("a", "b"), ("b", "c"), ("c", "b")))


def test_an_edge_to_nowhere_is_refused() -> None:
    with pytest.raises(PlanError, match="edge to z"):
        Graph(("a",), (("a", "z"),))
