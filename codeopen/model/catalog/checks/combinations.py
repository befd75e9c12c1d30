"""Combinations that the catalog names can be selected, and are named once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codeopen.errors import Problem
from codeopen.model.catalog.draft import Draft, items
from codeopen.model.catalog.model import Status, Tier
from codeopen.model.catalog.source import KeyPath


def popular_is_possible(draft: Draft) -> Iterator[Problem]:
    for index, combination in draft.popular.items():
        yield from _impossible(draft, ("popular", index), combination.flavor, combination.addons)


def popular_is_unique(draft: Draft) -> Iterator[Problem]:
    first: dict[tuple[str, frozenset[str]], int] = {}
    for index, combination in draft.popular.items():
        holder = first.setdefault((combination.flavor, frozenset(combination.addons)), index)
        if holder != index:
            place = draft.documents["popular"].place(("popular", holder))
            what = f"the combination is there already, on line {place.line}"
            yield draft.problem(("popular", index), what, "remove one of them")


def legacy_is_possible(draft: Draft) -> Iterator[Problem]:
    for mapping in draft.legacy.values():
        path = ("legacy", mapping.legacy_tier)
        yield from _impossible(draft, path, mapping.flavor, mapping.addons)
        tier = draft.tiers.get(mapping.tier)
        for item_path, name in items((*path, "addons"), mapping.addons):
            needed = draft.tiers.get(draft.addons[name].requires_tier or "") if name in draft.addons else None
            if tier and needed and _is_below(tier, needed):
                what = f"{name} needs tier {needed.id} or higher, not {tier.id}"
                yield draft.problem(item_path, what, f"write tier {needed.id}, or remove the add-on")


def _is_below(tier: Tier, needed: Tier) -> bool:
    return tier.sort_order < needed.sort_order


def _impossible(draft: Draft, path: KeyPath, flavor: str, addons: Sequence[str]) -> Iterator[Problem]:
    if flavor in draft.flavors and draft.flavors[flavor].status is Status.PLANNED:
        yield draft.problem(
            (*path, "flavor"), f"{flavor} is planned, and can't be selected yet", "choose another flavor"
        )
    for item_path, name in items((*path, "addons"), addons):
        addon = draft.addons.get(name)
        if addon is None:
            continue
        if addon.status is Status.PLANNED:
            yield draft.problem(item_path, f"{name} is planned, and can't be selected yet", "remove it")
        for needed in addon.requires_addons:
            if needed not in addons and needed in draft.ids["addons"]:
                yield draft.problem(item_path, f"{name} needs {needed}, which is not in the list", f"add {needed}")
        for other in addons:
            if other in addon.incompatible_with:
                yield draft.problem(item_path, f"{name} is incompatible with {other}", "remove one of them")
