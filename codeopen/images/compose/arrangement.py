"""Which parts of a combination are composed, and which belong together and are built as a chain.

A pair that the gate refuses becomes one unit; what was put together is judged again with the rest, until all agree.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from codeopen.images.compose.part_index import PartIndex
from codeopen.images.compose.verdicts import Verdict

Unit = tuple[str, ...]
Judge = Callable[[PartIndex, PartIndex, PartIndex], Verdict]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Two units that don't compose, and why."""

    one: Unit
    other: Unit
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How a combination is put together: units in layer order, the flavor's first, with their images' indexes.

    ``base`` is what all stand on. A unit of one name is a part; one of several is a chain, because of one of the
    ``refusals``.
    """

    base: PartIndex
    units: tuple[Unit, ...]
    indexes: tuple[PartIndex, ...]
    refusals: tuple[Refusal, ...]

    @property
    def chains(self) -> tuple[Unit, ...]:
        return tuple(unit for unit in self.units if len(unit) > 1)


def arrange(base: PartIndex, parts: Sequence[str], index_of: Callable[[Unit], PartIndex], judge: Judge) -> Arrangement:
    """Arrange parts on a base, the flavor's name first and add-ons in layer order.

    ``index_of`` gives the index of a unit's image, which for a chain may mean building it. Ends because every round
    but the last leaves fewer units. Raises what ``index_of`` and ``judge`` raise.
    """
    units: tuple[Unit, ...] = tuple((part,) for part in parts)
    places = {part: place for place, part in enumerate(parts)}
    refusals: list[Refusal] = []
    while True:
        indexes = tuple(index_of(unit) for unit in units)
        refused = {}
        for one, other in combinations(range(len(units)), 2):
            verdict = judge(base, indexes[one], indexes[other])
            if verdict.composed and places[units[one][-1]] > places[units[other][0]]:
                # A member of the chain comes behind the other unit: does it still have what it has on that one?
                verdict = judge(base, indexes[other], indexes[one])
            if not verdict.composed:
                refused[one, other] = Refusal(units[one], units[other], verdict)
        if not refused:
            return Arrangement(base, units, indexes, tuple(refusals))
        refusals += refused.values()
        units = tuple(tuple(sorted(unit, key=places.__getitem__)) for unit in merge_units(units, refused))


def merge_units(
    units: Sequence[Unit], refused: Mapping[tuple[int, int], object] | Collection[tuple[int, int]]
) -> tuple[Unit, ...]:
    """Put units that refuse each other together, by their positions; a unit keeps the place of its first member.

    ``(js,) (a,) (b,) (c,)`` with a refusal of 1 and 3 gives ``(js,) (a, c) (b,)``.
    """
    group = list(range(len(units)))
    for one, other in refused:
        low, high = sorted((group[one], group[other]))
        group = [low if each == high else each for each in group]
    merged: dict[int, Unit] = {}
    for position, unit in enumerate(units):
        merged[group[position]] = merged.get(group[position], ()) + unit
    return tuple(merged.values())
