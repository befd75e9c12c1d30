"""What a stack has: the parts that it builds, the combinations that are made of them, and its projects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from codeopen.environment.settings import POPULAR, Settings
from codeopen.errors import CodeOpenError, ProjectError, SettingsError
from codeopen.model.catalog.model import Catalog
from codeopen.model.plan.combinations import Combination, popular_combinations
from codeopen.model.plan.part_names import parts_named
from codeopen.model.plan.parts import BASE, PartId, PartKind, list_members, parts_graph
from codeopen.model.plan.plan import BuildPlan, PlannedCombination, PlannedPart, plan_combinations
from codeopen.model.plan.projects import PlannedProject
from codeopen.model.selection.closest import closest


@dataclass(frozen=True, slots=True)
class StackContents:
    """``parts`` in the plan's order, with those of all ``combinations``, each of which has an add-on at least."""

    parts: Mapping[PartId, PlannedPart]
    combinations: tuple[PlannedCombination, ...]
    projects: tuple[PlannedProject, ...]


def choose_contents(
    catalog: Catalog, settings: Settings, plan: BuildPlan, projects: tuple[PlannedProject, ...]
) -> StackContents:
    """What a stack has by its settings. Raises SettingsError or ProjectError for what can't be had."""
    buildable = {planned.part.id: planned for planned in plan.parts if planned.buildable}
    parts = _selected_parts(catalog, settings, plan, buildable)
    _check_projects(catalog, parts, projects)
    combinations = [
        *_named_combinations(catalog, settings, parts, buildable),
        *(_combination(project) for project in projects),
    ]
    chosen = dict.fromkeys(combination for combination in combinations if combination.addons)
    planned = tuple(plan_combinations(catalog, plan.parts, plan.release, chosen))
    needed = {part for each in planned for part in each.parts}
    parts = {part: each for part, each in buildable.items() if part in parts or part in needed}
    return StackContents(parts, planned, projects)


def _selected_parts(
    catalog: Catalog, settings: Settings, plan: BuildPlan, buildable: Mapping[PartId, PlannedPart]
) -> Mapping[PartId, PlannedPart]:
    """The buildable parts that the stack builds: all, or those that it names, with their companions and ancestors."""
    if not settings.parts:
        return buildable
    known = {str(part) for part in buildable}
    planned = {str(each.part.id): each for each in plan.parts}
    for name in settings.parts:
        if name in planned and name not in known:
            raise SettingsError(f"codeopen:parts: {name} {planned[name].reason(plan.platforms[0])}")
        if name not in known:
            raise SettingsError(f"codeopen:parts: {name!r} is no part that can be built; {closest(name, known)}")
    chosen = {part for part in buildable if part == BASE or str(part) in settings.parts}
    graph = parts_graph(tuple(planned.part for planned in plan.parts))
    chosen |= {ancestor for part in chosen for ancestor in graph.ancestors(part)}
    ids = {kind: {part.id for part in chosen if part.kind is kind} for kind in PartKind}
    chosen |= {
        PartId(PartKind.COMPANION, companion.id)
        for companion in catalog.companions.values()
        if any(companion.is_taken_by(flavor, ids[PartKind.ADDON]) for flavor in ids[PartKind.FLAVOR])
    }
    return {part: planned for part, planned in buildable.items() if part in chosen}


def _named_combinations(
    catalog: Catalog,
    settings: Settings,
    parts: Mapping[PartId, PlannedPart],
    buildable: Mapping[PartId, PlannedPart],
) -> Iterator[Combination]:
    """What the stack names: the popular combinations of which it has all parts, and others by their names."""
    for name in settings.combinations:
        if name == POPULAR:
            yield from (
                combination
                for combination in popular_combinations(catalog)
                if set(_members(catalog, combination)) <= set(parts)
            )
        else:
            yield _named_combination(catalog, parts, buildable, name)


def _named_combination(
    catalog: Catalog, parts: Mapping[PartId, PlannedPart], buildable: Mapping[PartId, PlannedPart], name: str
) -> Combination:
    """A combination by its name. The stack names its flavor; its add-ons are built because of it."""
    try:
        _, combination = parts_named(catalog, name)
    except CodeOpenError as error:
        raise SettingsError(f"codeopen:combinations: {error}") from None
    if combination is None:
        raise SettingsError(f"codeopen:combinations: {name!r} is a part; name it in codeopen:parts")
    flavor, *others = _members(catalog, combination)
    if flavor not in parts:
        raise SettingsError(
            f"codeopen:combinations: {name!r} stands on {flavor}, which this stack does not build; "
            "name it in codeopen:parts"
        )
    if missing := [str(part) for part in others if part not in buildable]:
        raise SettingsError(f"codeopen:combinations: {name!r} needs {', '.join(missing)}, which can't be built")
    return combination


def _members(catalog: Catalog, combination: Combination) -> tuple[PartId, ...]:
    return list_members(catalog, combination.flavor, combination.addons)


def _combination(project: PlannedProject) -> Combination:
    return Combination(project.resolution.image.flavor, project.resolution.addons)


def _check_projects(
    catalog: Catalog, parts: Mapping[PartId, PlannedPart], projects: tuple[PlannedProject, ...]
) -> None:
    for project in projects:
        for part in _members(catalog, _combination(project)):
            if part not in parts:
                has = ", ".join(str(name) for name in parts)
                raise ProjectError(
                    f"project {project.id!r}: this stack does not build part {part} (it has {has}); "
                    "choose another, or add its Dockerfile, or name it in codeopen:parts"
                )
