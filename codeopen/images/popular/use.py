"""What people selected, counted by combination: where the counts come from is for others to say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from codeopen.errors import CodeOpenError, Failing
from codeopen.model.catalog.model import Addon, Catalog, Flavor, Status
from codeopen.model.plan.combinations import Combination
from codeopen.model.selection.closest import closest
from codeopen.model.selection.companions import companions_of
from codeopen.model.selection.compatibility import common_platforms, incompatible_pairs, missing_addons
from codeopen.model.selection.order import in_layer_order

_MOST_TOLD: Final = 20


@dataclass(frozen=True, slots=True)
class UseProblem:
    """One thing that is wrong in the counts, and what to do about it; ``place`` is as ``use.csv:3``."""

    place: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}; {self.fix}"


class UseError(CodeOpenError):
    """Counts or sizes can't be used; ``problems`` holds every reason at once, in the order of the file."""

    failing = Failing.INPUT

    def __init__(self, problems: Iterable[UseProblem]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems[:_MOST_TOLD]]
        if more := len(self.problems) - len(lines):
            lines.append(f"and {more} more of these")
        super().__init__("\n".join(lines))


@dataclass(frozen=True, slots=True)
class UseRow:
    """One row of counts as it was written, by ids that are not checked yet.

    ``count`` is how often it was selected, ``projects`` how many projects run it.
    """

    place: str
    flavor: str
    addons: tuple[str, ...]
    count: int
    projects: int


@dataclass(frozen=True, slots=True)
class CombinationUse:
    """How often a combination was selected. ``obstacle`` says why it can't be had today; empty when it can."""

    combination: Combination
    count: int
    projects: int
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """All combinations that were selected, each once, in catalog order whatever order the rows had."""

    combinations: tuple[CombinationUse, ...]

    @property
    def selections(self) -> int:
        return sum(used.count for used in self.combinations)


def count_use(catalog: Catalog, rows: Iterable[UseRow]) -> tuple[Use, tuple[UseProblem, ...]]:
    """Rows of the same combination are added up. Those with problems are left out."""
    counts: dict[Combination, tuple[int, int]] = {}
    problems: list[UseProblem] = []
    for row in rows:
        if found := tuple(_problems(catalog, row)):
            problems += found
            continue
        addons = in_layer_order(catalog.addons[addon] for addon in row.addons)
        combination = Combination(row.flavor, tuple(addon.id for addon in addons))
        count, projects = counts.get(combination, (0, 0))
        counts[combination] = (count + row.count, projects + row.projects)
    flavors = {flavor: place for place, flavor in enumerate(catalog.flavors)}
    places = {addon.id: place for place, addon in enumerate(in_layer_order(catalog.addons.values()))}

    def place(combination: Combination) -> tuple[int, int, list[int]]:
        return flavors[combination.flavor], len(combination.addons), [places[addon] for addon in combination.addons]

    used = (CombinationUse(each, *counts[each], _obstacle(catalog, each)) for each in sorted(counts, key=place))
    return Use(tuple(used)), tuple(problems)


def _problems(catalog: Catalog, row: UseRow) -> Iterator[UseProblem]:
    if row.flavor not in catalog.flavors:
        yield UseProblem(row.place, f"there is no flavor {row.flavor!r}", _flavor_fix(catalog, row.flavor))
    for addon in dict.fromkeys(row.addons):
        if addon not in catalog.addons:
            yield UseProblem(row.place, f"there is no add-on {addon!r}", _addon_fix(catalog, addon))
        if row.addons.count(addon) > 1:
            yield UseProblem(row.place, f"add-on {addon!r} is there {row.addons.count(addon)} times", "name it once")


def _flavor_fix(catalog: Catalog, flavor: str) -> str:
    """A tier of the old system is no flavor, but says which combination its containers became."""
    if old := catalog.legacy.get(flavor):
        addons = f"the add-ons {'+'.join(old.addons)}" if old.addons else "no add-ons"
        return f"that is a tier of the old system: write the flavor {old.flavor} with {addons}"
    return closest(flavor, catalog.flavors)


def _addon_fix(catalog: Catalog, addon: str) -> str:
    for candidate in catalog.addons.values():
        if addon.removeprefix("-") == candidate.image_suffix:
            return f"that is an image's suffix: write {candidate.id}"
    return closest(addon, catalog.addons)


def _obstacle(catalog: Catalog, combination: Combination) -> str:
    """Why a combination can't be had with any tier; the catalog may have changed since it was selected."""
    flavor = catalog.flavors[combination.flavor]
    addons = tuple(catalog.addons[addon] for addon in combination.addons)
    parts: tuple[Flavor | Addon, ...] = (flavor, *addons)
    companions = companions_of(catalog, combination.flavor, combination.addons)
    for part in parts:
        if part.status is Status.PLANNED:
            return f"{part.id} is planned"
    for first, second in incompatible_pairs(addons):
        return f"{first.id} and {second.id} can't be in one image"
    for addon, required in missing_addons(addons):
        return f"{addon.id} needs {required}"
    return "" if common_platforms(catalog.base, (*parts, *companions)) else "no platform has all of its parts"
