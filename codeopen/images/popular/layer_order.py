"""The order of add-ons in images' layers that makes nodes unpack least.

A registry keeps a layer once whatever lies below it, but a node keeps what it unpacks by chain: a layer together with
all layers below it. So two images share an add-on on a node only if they have the same flavor and the same add-ons
before it. Which ones they share is decided by one order of all add-ons, the same for every image.

A node that has run k projects, each drawn by use, has unpacked a chain with the probability 1 - (1 - p)^k, where p is
the share of projects whose image begins with it. The cost of an order is the expected sum over all chains of the bytes
that each adds. It is computed in whole numbers, times N^k for N projects, so that equal orders tie on every machine.

What an add-on costs depends only on *which* add-ons come before it, not on their order: images with the same flavor
that agree on those share its chain. So the best order of a set is the best order of one add-on less with that one after
it, and all orders of n add-ons are compared in 2^n n steps instead of n!.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

# With every combination in use, eight take 0.1 s and ten 3 s; each further one four times as long. More are searched
# step by step.
EXACT_ADDONS: Final = 10
NODE_PROJECTS: Final = 10


@dataclass(frozen=True, slots=True)
class Demand:
    """Projects that run a flavor with a set of add-ons."""

    flavor: str
    addons: frozenset[str]
    projects: int


def expected_bytes(
    order: Sequence[str], demand: Iterable[Demand], sizes: Mapping[str, int], node_projects: int = NODE_PROJECTS
) -> Fraction:
    """What a node is expected to unpack of add-ons with an order, which names every add-on of the demand."""
    cost = _Cost(order, demand, sizes, node_projects)
    return Fraction(cost.of(tuple(range(len(order)))), cost.scale)


def best_order(
    now: Sequence[str],
    demand: Iterable[Demand],
    sizes: Mapping[str, int],
    node_projects: int = NODE_PROJECTS,
    exact: int = EXACT_ADDONS,
) -> tuple[str, ...]:
    """The order of the add-ons in ``now`` that costs least; ``now`` itself unless another costs less.

    Among equals it is the first by the places in ``now``. Add-ons that nobody uses come last, as in ``now``. With more
    than ``exact`` add-ons in use it need not be the very best, but is never worse than ``now``.
    """
    cost = _Cost(now, demand, sizes, node_projects)
    used = tuple(place for place in range(len(now)) if cost.is_used(place))
    best = _best_of_all(cost, used) if len(used) <= exact else _best_nearby(cost, used)
    if cost.of(best) >= cost.of(used):
        return tuple(now)
    unused = (place for place in range(len(now)) if place not in used)
    return tuple(now[place] for place in (*best, *unused))


class _Cost:
    """What orders cost; add-ons are their places in ``names``, sets of them the bits of a number."""

    def __init__(
        self, names: Sequence[str], demand: Iterable[Demand], sizes: Mapping[str, int], node_projects: int
    ) -> None:
        places = {name: place for place, name in enumerate(names)}
        projects: dict[tuple[str, int], int] = defaultdict(int)
        for each in demand:
            projects[each.flavor, sum(1 << places[addon] for addon in each.addons)] += each.projects
        self._sizes = [sizes[name] for name in names]
        self._all = sum(projects.values())
        self._node_projects = node_projects
        scale: int = self._all**node_projects
        self.scale = scale or 1  # what costs are to be divided by
        self._users = [
            [
                (flavor, addons, number)
                for (flavor, addons), number in projects.items()
                if number and addons >> place & 1
            ]
            for place in range(len(names))
        ]
        self._known: dict[tuple[int, int], int] = {}

    def is_used(self, place: int) -> bool:
        return bool(self._users[place])

    def of(self, order: Sequence[int]) -> int:
        before = total = 0
        for place in order:
            total += self.after(before, place)
            before |= 1 << place
        return total

    def after(self, before: int, place: int) -> int:
        """What an add-on adds after a set of others: its bytes, once for each chain that it ends."""
        if (before, place) not in self._known:
            chains: dict[tuple[str, int], int] = defaultdict(int)
            for flavor, addons, number in self._users[place]:
                chains[flavor, addons & before] += number
            unpacked = sum(self._probability(number) for number in chains.values())
            self._known[before, place] = self._sizes[place] * unpacked
        return self._known[before, place]

    def _probability(self, projects: int) -> int:
        """That a node has run one of these projects, times ``scale``."""
        none: int = (self._all - projects) ** self._node_projects
        return self.scale - none


def _best_of_all(cost: _Cost, used: Sequence[int]) -> tuple[int, ...]:
    """The best order of every set, from smaller sets to larger ones."""
    best: dict[int, tuple[int, tuple[int, ...]]] = {0: (0, ())}
    for chosen in range(1, 1 << len(used)):
        members = [place for bit, place in enumerate(used) if chosen >> bit & 1]
        bits = sum(1 << place for place in members)
        candidates = []
        for last in members:
            before, order = best[bits ^ 1 << last]
            candidates.append((before + cost.after(bits ^ 1 << last, last), (*order, last)))
        best[bits] = min(candidates)
    return best[sum(1 << place for place in used)][1]


def _best_nearby(cost: _Cost, used: Sequence[int]) -> tuple[int, ...]:
    """From the order of today, and from the heaviest add-ons first: move one add-on at a time while that helps."""
    heaviest = tuple(sorted(used, key=lambda place: (-cost.after(0, place), place)))
    return min((cost.of(order), order) for order in (_improve(cost, tuple(used)), _improve(cost, heaviest)))[1]


def _improve(cost: _Cost, order: tuple[int, ...]) -> tuple[int, ...]:
    found = (cost.of(order), order)
    while (better := min((cost.of(moved), moved) for moved in _moves(found[1]))) < found:
        found = better
    return found[1]


def _moves(order: tuple[int, ...]) -> Iterable[tuple[int, ...]]:
    """The order itself, and every order with one add-on in another place."""
    yield order
    for source in range(len(order)):
        rest = order[:source] + order[source + 1 :]
        for target in range(len(order)):
            yield (*rest[:target], order[source], *rest[target:])
