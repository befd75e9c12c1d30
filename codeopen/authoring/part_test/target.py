"""What is tried: parts and combinations by the names that people use, and what can't be tried with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from codeopen.images.verify.expectation import Expectation, expect_combination, expect_part
from codeopen.model.catalog.model import Catalog
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.part_names import parts_named
from codeopen.model.plan.parts import PartId, PartKind, list_members
from codeopen.model.plan.plan import BuildPlan, PlannedPart
from codeopen.model.selection.order import in_layer_order


@dataclass(frozen=True, slots=True)
class Target:
    """One image to build and verify. ``part`` is what a stack builds for it: the part, or a combination's flavor.

    ``specified_mb`` is the specification's size, None where it gives none.
    """

    name: str
    part: PartId
    combination: Combination | None
    specified_mb: int | None


@dataclass(frozen=True, slots=True)
class Untried:
    """What can't be built here, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Targets:
    """Targets in the order of building, parts before combinations, and what is left."""

    targets: tuple[Target, ...]
    untried: tuple[Untried, ...]


def find_targets(catalog: Catalog, plan: BuildPlan, names: Sequence[str]) -> Targets:
    """What the names mean, each once; without names, all parts. Raises PlanError or ImageNameError."""
    planned = {each.part.id: each for each in plan.parts}
    if not names:
        return _sort(catalog, planned, [_part_target(catalog, part) for part in planned], plan.platforms[0])
    targets = []
    for name in names:
        ids, combination = parts_named(catalog, name)
        targets.append(_combination_target(catalog, combination) if combination else _part_target(catalog, ids[0]))
    return _sort(catalog, planned, targets, plan.platforms[0])


def expect(catalog: Catalog, plan: BuildPlan, target: Target) -> Expectation:
    """What a target's image must be, on the plan's first platform."""
    platform = plan.platforms[0]
    if target.combination is None:
        return expect_part(catalog, plan, target.part, platform)
    return expect_combination(catalog, plan, target.combination, platform)


def _sort(catalog: Catalog, planned: Mapping[PartId, PlannedPart], targets: Iterable[Target], platform: str) -> Targets:
    places = {part: place for place, part in enumerate(planned)}
    ordered = sorted(dict.fromkeys(targets), key=lambda target: (target.combination is not None, places[target.part]))
    untried = {target: reason for target in ordered if (reason := _reason(catalog, planned, target, platform))}
    return Targets(
        tuple(target for target in ordered if target not in untried),
        tuple(Untried(target.name, reason) for target, reason in untried.items()),
    )


def _reason(catalog: Catalog, planned: Mapping[PartId, PlannedPart], target: Target, platform: str) -> str:
    """Why a target can't be built for a platform; empty when it can."""
    combination = target.combination
    members = list_members(catalog, combination.flavor, combination.addons) if combination else (target.part,)
    for part in members:
        if platform not in planned[part].digests:
            reason = planned[part].reason(platform)
            return f"{part} {reason}" if target.combination else reason
    return ""


def _part_target(catalog: Catalog, part: PartId) -> Target:
    """A part alone; what a companion brings works only in what takes it, so that the smallest such is tried."""
    if part.kind is PartKind.COMPANION:
        companion = catalog.companions[part.id]
        addons = in_layer_order(catalog.addons[addon] for addon in companion.with_addons)
        return _combination_target(catalog, Combination(companion.with_flavors[0], tuple(addon.id for addon in addons)))
    size = catalog.base.specified_size_mb if part.kind is PartKind.BASE else None
    if part.kind is PartKind.FLAVOR:
        size = catalog.flavors[part.id].specified_size_mb
    return Target(str(part), part, None, size)


def _combination_target(catalog: Catalog, combination: Combination) -> Target:
    suffixes = sorted(catalog.addons[addon].image_suffix for addon in combination.addons)
    name = "-".join((combination.flavor, *suffixes))
    return Target(name, PartId(PartKind.FLAVOR, combination.flavor), combination, None)
