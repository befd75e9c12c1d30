"""How many nodes of which machine type a pool needs for what is demanded of it.

Each machine type that can hold every demand is tried: demands go by size, largest first, on the first node that has
room (first fit decreasing), then each node becomes the cheapest machine that holds what is on it. The cheapest of these
plans is taken, or the one that keeps demands of one size together where that is cheaper still. The same input gives the
same plan.

What holds of every plan: each demand is on one node; no node holds more than it has; its price is not below
``lower_bound`` and, where types may be mixed, not above that of the cheapest machine for each demand. One more demand
that is no larger than the others never makes it cheaper. (No such promise is possible for larger ones: first fit
decreasing may happen to pack better with one more. The lower bound never falls.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from codeopen.errors import CapacityError
from codeopen.platform.capacity.amounts import Capacity, Demand, Dimension, fits, total

HOURS_A_MONTH = 730
"""What the clouds count: 365 days of 24 hours, by 12."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A machine type as a pool sees it: what is left for projects on a node, and its price an hour."""

    name: str
    room: Capacity
    millicents: int


@dataclass(frozen=True, slots=True)
class Node:
    """A node to be: what machine it is, and the demands on it."""

    offer: Offer
    demands: tuple[Demand, ...]

    @property
    def used(self) -> Capacity:
        return total(demand.capacity for demand in self.demands)

    @property
    def binds(self) -> Dimension:
        """What is used up most, of what its demands ask for."""
        used, there = self.used, self.offer.room
        return max(Dimension, key=lambda each: Fraction(used.of(each), there.of(each)) if there.of(each) else -1)


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """The nodes of a pool. ``lower_bound`` is a price that no plan can go below."""

    nodes: tuple[Node, ...]
    lower_bound: int

    @property
    def millicents(self) -> int:
        """The price an hour."""
        return _price(self.nodes)

    @property
    def monthly_cents(self) -> int:
        return -(-self.millicents * HOURS_A_MONTH // 1000)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many nodes of each machine type, by its name."""
        return dict(sorted(Counter(node.offer.name for node in self.nodes).items()))


def size_pool(demands: Iterable[Demand], offers: Iterable[Offer], *, uniform: bool = False) -> PoolPlan:
    """The cheapest plan found for some demands. Raises CapacityError that names a demand which no machine holds.

    With ``uniform`` all nodes are of one machine type, as in a managed node pool.
    """
    listed, ordered = tuple(demands), _ordered_offers(offers)
    for demand in sorted(listed, key=lambda each: each.name):
        if not any(offer.room.holds(demand.capacity) for offer in ordered):
            raise CapacityError(_nothing_holds(demand, ordered))
    bound = lower_bound(listed, ordered)
    plans = list(_plans(listed, ordered, uniform=uniform))
    if not plans:
        raise CapacityError("no one machine type holds every demand of the pool; let the pool have several types")
    nodes = min(plans, key=lambda plan: (_price(plan), len(plan)))
    return PoolPlan(nodes, bound)


def lower_bound(demands: Iterable[Demand], offers: Iterable[Offer]) -> int:
    """A price that no plan goes below: of each dimension, the whole demand at the best price for it."""
    wanted, offered = total(demand.capacity for demand in demands), tuple(offers)
    bounds = []
    for each in Dimension:
        if wanted.of(each):
            prices = (Fraction(offer.millicents, offer.room.of(each)) for offer in offered if offer.room.of(each))
            bounds.append(-(-wanted.of(each) * min(prices) // 1))
    return int(max(bounds, default=0))


def _plans(demands: tuple[Demand, ...], offers: tuple[Offer, ...], *, uniform: bool) -> Iterator[tuple[Node, ...]]:
    for offer in offers:
        if all(offer.room.holds(demand.capacity) for demand in demands):
            packed = tuple(Node(offer, tuple(bin_)) for bin_ in _first_fit(demands, offer.room))
            yield packed if uniform else tuple(_shrink(node, offers) for node in packed)
    if not uniform:
        yield tuple(_by_size(demands, offers))


def _first_fit(demands: Iterable[Demand], room: Capacity) -> list[list[Demand]]:
    bins: list[list[Demand]] = []
    left: list[Capacity] = []
    for demand in sorted(demands, key=lambda each: (-_share(each.capacity, room), each.group, each.name)):
        place = next((index for index, free in enumerate(left) if free.holds(demand.capacity)), None)
        if place is None:
            bins.append([demand])
            left.append(room - demand.capacity)
        else:
            bins[place].append(demand)
            left[place] -= demand.capacity
    return bins


def _share(demand: Capacity, room: Capacity) -> Fraction:
    """The largest part of a node that a demand takes, of any dimension."""
    return max(Fraction(demand.of(each), room.of(each)) for each in Dimension if room.of(each))


def _shrink(node: Node, offers: tuple[Offer, ...]) -> Node:
    used = node.used
    return Node(next(offer for offer in offers if offer.room.holds(used)), node.demands)


def _by_size(demands: tuple[Demand, ...], offers: tuple[Offer, ...]) -> Iterator[Node]:
    """Demands of one size on nodes of their own, each size on the machine that is cheapest for all of it."""
    groups: dict[Capacity, list[Demand]] = {}
    for demand in sorted(demands, key=lambda each: (each.group, each.name)):
        groups.setdefault(demand.capacity, []).append(demand)
    for size, members in groups.items():
        able = (offer for offer in offers if offer.room.holds(size))
        yield from min((_filled(offer, size, members, offers) for offer in able), key=_price)


def _filled(offer: Offer, size: Capacity, members: list[Demand], offers: tuple[Offer, ...]) -> list[Node]:
    per_node = max(1, fits(offer.room, size))
    parts = (tuple(members[start : start + per_node]) for start in range(0, len(members), per_node))
    return [_shrink(Node(offer, part), offers) for part in parts]


def _price(nodes: Iterable[Node]) -> int:
    return sum(node.offer.millicents for node in nodes)


def _ordered_offers(offers: Iterable[Offer]) -> tuple[Offer, ...]:
    """The cheapest first; names decide between equals."""
    return tuple(sorted(offers, key=lambda offer: (offer.millicents, offer.name)))


def _nothing_holds(demand: Demand, offers: Sequence[Offer]) -> str:
    asked = demand.capacity
    wanted = f"{asked.cpu}m CPU, {asked.memory >> 20}Mi of memory, {asked.gpus} GPUs and {asked.disk >> 20}Mi of disk"
    names = ", ".join(offer.name for offer in offers) or "none"
    return (
        f"{demand.name} ({demand.group}) asks for {wanted}, which no machine type of the pool has left ({names}); add "
        "a larger one to catalog/gpus.yaml, give nodes a larger disk, or choose a lower tier"
    )
