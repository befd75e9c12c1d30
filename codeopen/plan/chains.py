"""Chained builds of combinations: each add-on's Dockerfile on top of the image before it.

A link is itself a combination: ``polyglot`` + gui, then + databases. Combinations that begin alike share their links.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from codeopen.catalog.model import Catalog
from codeopen.plan.combinations import Combination
from codeopen.plan.parts import PartId, PartKind
from codeopen.plan.plan import BuildPlan, PlannedCombination, plan_combinations


@dataclass(frozen=True, slots=True)
class ChainLink:
    """One build: the Dockerfile of ``addon`` on ``parent``, which is another link or, without add-ons, a flavor."""

    planned: PlannedCombination
    parent: Combination
    addon: PartId


def plan_chains(catalog: Catalog, plan: BuildPlan, combinations: Iterable[Combination]) -> tuple[ChainLink, ...]:
    """The links of all buildable combinations, each once and after its parent. Add-ons are in layer order."""
    wanted: dict[Combination, None] = {}
    for combination in combinations:
        for length in range(1, len(combination.addons) + 1):
            wanted.setdefault(Combination(combination.flavor, combination.addons[:length]))
    links = []
    for planned in plan_combinations(catalog, plan.parts, plan.release, wanted):
        if not planned.not_buildable:
            flavor, addons = planned.combination.flavor, planned.combination.addons
            links.append(ChainLink(planned, Combination(flavor, addons[:-1]), PartId(PartKind.ADDON, addons[-1])))
    return tuple(links)
