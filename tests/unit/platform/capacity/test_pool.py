"""Pools: what holds of every plan, and a few plans that a person can check."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from codeopen.errors import CapacityError
from codeopen.model.catalog.pool_platforms import GI
from codeopen.model.quantity import Cpu, Memory
from codeopen.model.selection.selection import Resources
from codeopen.platform.capacity.amounts import Capacity, Demand, Dimension, binding, fits, requests_of, total
from codeopen.platform.capacity.pool import Offer, PoolPlan, lower_bound, size_pool

SMALL = Offer("small", Capacity(4000, 16 * GI, 0, 50), 100)
LARGE = Offer("large", Capacity(16000, 64 * GI, 0, 50), 380)
GPU = Offer("gpu", Capacity(8000, 32 * GI, 1, 50), 500)


def demand(name: str, cpu: int, memory_gi: int = 1, gpus: int = 0) -> Demand:
    return Demand(name, f"{cpu}/{memory_gi}/{gpus}", Capacity(cpu, memory_gi * GI, gpus, 1))


def scratch(gibibytes: int) -> Capacity:
    return Capacity(1000, GI, 0, 1, gibibytes * GI)


amounts = st.builds(
    Capacity,
    cpu=st.integers(1, 40),
    memory=st.integers(0, 40),
    gpus=st.integers(0, 2),
    pods=st.just(1),
    disk=st.integers(0, 40),
)
demands_ = st.lists(amounts, max_size=14).map(
    lambda sizes: [Demand(f"p{index:02}", str(size), size) for index, size in enumerate(sizes)]
)
rooms = st.builds(
    Capacity,
    cpu=st.integers(1, 120),
    memory=st.integers(1, 120),
    gpus=st.integers(0, 8),
    pods=st.integers(1, 9),
    disk=st.integers(1, 120),
)
offers_ = st.lists(st.tuples(rooms, st.integers(1, 900)), min_size=1, max_size=4).map(
    lambda pairs: [Offer(f"m{index}", room, price) for index, (room, price) in enumerate(pairs)]
)


def _plan(demands: list[Demand], offers: list[Offer], *, uniform: bool = False) -> PoolPlan:
    able = [offer for offer in offers if all(offer.room.holds(each.capacity) for each in demands)]
    assume(able if uniform else all(any(o.room.holds(d.capacity) for o in offers) for d in demands))
    return size_pool(demands, offers, uniform=uniform)


@given(demands=demands_, offers=offers_, uniform=st.booleans())
@settings(max_examples=300, deadline=None)
def test_every_demand_is_placed_once_and_no_node_is_overfull(
    demands: list[Demand], offers: list[Offer], *, uniform: bool
) -> None:
    plan = _plan(demands, offers, uniform=uniform)
    assert Counter(each for node in plan.nodes for each in node.demands) == Counter(demands)
    for node in plan.nodes:
        assert node.demands
        assert node.offer in offers
        assert node.offer.room.holds(node.used)
    if uniform:
        assert len(plan.counts) <= 1


@given(demands_, offers_)
@settings(max_examples=300, deadline=None)
def test_prices_lie_between_the_bounds(demands: list[Demand], offers: list[Offer]) -> None:
    plan = _plan(demands, offers)
    alone = sum(min(o.millicents for o in offers if o.room.holds(d.capacity)) for d in demands)
    assert plan.lower_bound <= plan.millicents <= alone
    assert plan.lower_bound == lower_bound(demands, offers)


@given(demands_, offers_, st.data())
@settings(max_examples=300, deadline=None)
def test_one_more_small_demand_never_makes_it_cheaper(
    demands: list[Demand], offers: list[Offer], data: st.DataObject
) -> None:
    assume(demands)
    least = Capacity(*(data.draw(st.integers(0, min(d.capacity.of(each) for d in demands))) for each in Dimension))
    more = [*demands, Demand("z", "~", least)]
    for uniform in (False, True):
        before, after = _plan(demands, offers, uniform=uniform), _plan(more, offers, uniform=uniform)
        assert after.millicents >= before.millicents
        assert after.lower_bound >= before.lower_bound


@given(demands_, amounts, offers_)
@settings(max_examples=200, deadline=None)
def test_one_more_demand_of_any_size_never_lowers_the_bound(
    demands: list[Demand], size: Capacity, offers: list[Offer]
) -> None:
    more = [*demands, Demand("z", "~", size)]
    assert _plan(more, offers).lower_bound >= _plan(demands, offers).lower_bound


@given(demands_, offers_, st.randoms())
@settings(max_examples=100, deadline=None)
def test_the_order_of_the_input_does_not_matter(demands: list[Demand], offers: list[Offer], dice: object) -> None:
    plan = _plan(demands, offers)
    shuffled, turned = list(demands), list(offers)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    dice.shuffle(turned)  # type: ignore[attr-defined]
    assert size_pool(shuffled, turned) == plan


@given(amounts, rooms)
def test_fits_is_as_many_as_there_is_room_for(size: Capacity, room: Capacity) -> None:
    count = fits(room, size)
    assert room.holds(total([size] * count))
    assert not room.holds(total([size] * (count + 1)))


def test_what_binds() -> None:
    room = Capacity(8000, 32 * GI, 1, 50)
    assert binding(room, Capacity(4000, 4 * GI, 0, 1)) is Dimension.CPU
    assert binding(room, Capacity(1000, 16 * GI, 0, 1)) is Dimension.MEMORY
    assert binding(room, Capacity(1000, GI, 1, 1)) is Dimension.GPU
    assert binding(Capacity(8000, 32 * GI, 1, 2), Capacity(100, GI, 0, 1)) is Dimension.PODS
    assert binding(Capacity(8000, 32 * GI, 0, 50, 34 * GI), scratch(10)) is Dimension.DISK


def test_nodes_are_counted_by_their_disks_where_these_are_full_first() -> None:
    offer = Offer("small", Capacity(4000, 16 * GI, 0, 50, 25 * GI), 100)
    plan = size_pool([Demand(f"p{number}", "starter", scratch(10)) for number in range(5)], [offer])
    assert [len(node.demands) for node in plan.nodes] == [2, 2, 1]
    assert plan.nodes[0].binds is Dimension.DISK
    assert plan.lower_bound == 200


def test_a_project_asks_for_its_whole_cpu_the_memory_it_is_promised_and_its_scratch() -> None:
    resources = Resources(Cpu(4000), Memory(8 * GI), Memory(4 * GI), 50, 1)
    assert requests_of(resources, Memory(10 * GI)) == Capacity(4000, 4 * GI, 1, 1, 10 * GI)


def test_a_node_that_is_nearly_empty_becomes_a_smaller_one() -> None:
    plan = size_pool([demand(f"p{n}", 2000) for n in range(9)], [SMALL, LARGE])
    assert plan.counts == {"large": 1, "small": 1}
    assert plan.millicents == 480
    assert [len(node.demands) for node in plan.nodes] == [8, 1]
    assert plan.nodes[0].binds is Dimension.CPU


def test_a_uniform_pool_has_one_machine_type() -> None:
    plan = size_pool([demand(f"p{n}", 2000) for n in range(9)], [SMALL, LARGE], uniform=True)
    assert plan.counts == {"small": 5}


def test_sizes_are_kept_apart_where_that_is_cheaper() -> None:
    big, little = [demand("big", 16000)], [demand("little", 1000, 1)]
    assert size_pool([*big, *little], [SMALL, LARGE]).counts == {"large": 1, "small": 1}


def test_nothing_needs_nothing() -> None:
    assert size_pool([], [SMALL]) == PoolPlan((), 0)


def test_a_month_has_730_hours() -> None:
    plan = size_pool([demand("one", 1000, 1, 1)], [GPU])
    assert (plan.millicents, plan.monthly_cents) == (500, 365)


def test_what_no_machine_holds_is_named() -> None:
    with pytest.raises(
        CapacityError, match=r"^big \(16000/1/1\) asks for 16000m CPU, 1024Mi of memory, 1 GPUs and 0Mi of disk"
    ):
        size_pool([demand("small", 1), demand("big", 16000, 1, 1)], [GPU, LARGE])
    with pytest.raises(CapacityError, match="no one machine type"):
        size_pool([demand("big", 16000), demand("gpu", 1, 1, 1)], [GPU, LARGE], uniform=True)
