"""Which combinations to compose ahead of demand, within a budget of the registry's bytes.

Parts are in the registry anyway, so a further combination costs its seal, its configuration and its manifests. What it
gives is that whoever selects it finds it there. Combinations are ranked by the selections that a byte of theirs serves,
and the longest head of that ranking that fits is chosen. So a larger budget only ever adds to what a smaller one chose,
and what is given up for that is at most a part of the first combination that does not fit: ``bound`` says how much.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from codeopen.images.popular.use import CombinationUse, Use
from codeopen.model.plan.combinations import Combination

# As many as catalog/schema/popular.schema.json lets the file have.
MOST: Final = 1000
# High on purpose. A gzipped dpkg status, which is nearly all of a seal, is 37 KB at 143 packages, as the base has, and
# 166 KB at 758.
_FIRST_BYTES: Final = 40_000
_ADDON_BYTES: Final = 30_000


@dataclass(frozen=True, slots=True)
class Ranked:
    """A combination with what it costs in the registry, and the selections that it and all before it serve."""

    use: CombinationUse
    registry_bytes: int
    cumulative: int


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen and what is left out, both by rank; ``bound`` is what no choice within the budget exceeds."""

    chosen: tuple[Ranked, ...]
    left_out: tuple[Ranked, ...]
    selections: int
    budget: int
    bound: Fraction

    @property
    def registry_bytes(self) -> int:
        return sum(ranked.registry_bytes for ranked in self.chosen)

    @property
    def hit_rate(self) -> Fraction:
        """The share of the selections that were counted which would have found their image."""
        return self.share(self.chosen[-1].cumulative if self.chosen else 0)

    @property
    def expected_hit_rate(self) -> Fraction:
        """The share to expect of selections to come, which also ask for combinations that nobody has selected yet.

        Each counted selection is asked whether its combination would have been known without it (leave one out). With
        everything chosen, that is the Good-Turing estimate.
        """
        seen_once = sum(1 for ranked in self.chosen if ranked.use.count == 1)
        return self.hit_rate - self.share(seen_once)

    def share(self, count: int) -> Fraction:
        return Fraction(count, self.selections) if self.selections else Fraction(0)


def estimate_registry_bytes(combination: Combination) -> int:
    """What a combination adds to a registry that has its parts; a flavor alone is a part."""
    return _FIRST_BYTES + _ADDON_BYTES * len(combination.addons) if combination.addons else 0


def choose(
    use: Use, budget: int, cost: Callable[[Combination], int] = estimate_registry_bytes, most: int = MOST
) -> Choice:
    """The head of the ranking that fits into ``budget`` bytes, at most ``most`` combinations."""
    ranking = _rank(use, cost)
    spent = fitting = 0
    for ranked in ranking[:most]:
        if spent + ranked.registry_bytes > budget:
            break
        spent += ranked.registry_bytes
        fitting += 1
    return Choice(ranking[:fitting], ranking[fitting:], use.selections, budget, _bound(ranking, budget, use.selections))


def _rank(use: Use, cost: Callable[[Combination], int]) -> tuple[Ranked, ...]:
    """Everything that can be had and was selected, by bytes a selection, then by selections, then in catalog order."""
    costs = {used: cost(used.combination) for used in use.combinations if used.count and not used.obstacle}
    cumulative = 0
    ranking = []
    for used in sorted(costs, key=lambda used: (Fraction(costs[used], used.count), -used.count)):
        cumulative += used.count
        ranking.append(Ranked(used, costs[used], cumulative))
    return tuple(ranking)


def _bound(ranking: tuple[Ranked, ...], budget: int, selections: int) -> Fraction:
    """The hit rate if combinations could be cut into pieces: the best by rank, then a piece of the next."""
    served = Fraction(0)
    for ranked in ranking:
        if ranked.registry_bytes > budget:
            served += Fraction(ranked.use.count * budget, ranked.registry_bytes)
            break
        budget -= ranked.registry_bytes
        served += ranked.use.count
    return served / selections if selections else Fraction(0)
