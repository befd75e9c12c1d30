"""Add-ons that need or exclude each other, and flavors that take from each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Final

from codeopen.errors import Problem
from codeopen.model.catalog.draft import Draft, combinable
from codeopen.model.catalog.model import Addon, Status

MOST_NEEDED: Final = 16  # an image has at most some hundred layers, and a name at most 255 characters


def addons_do_not_need_themselves(draft: Draft) -> Iterator[Problem]:
    """Cycles, each told at the add-on of it that stands first in the file. A depth-first search without recursion."""
    rank = {name: index for index, name in enumerate(draft.addons)}
    done: set[str] = set()
    for start in draft.addons:
        way: dict[str, None] = {}  # the add-ons from start to the one at hand, each needed by the one before
        todo: list[tuple[str, int]] = [(start, 0)]
        while todo:
            name, depth = todo.pop()
            while len(way) > depth:
                way.popitem()
            if name in way:
                cycle = list(way)[list(way).index(name) :]
                yield _cycle(draft, cycle, cycle.index(min(cycle, key=rank.__getitem__)))
            elif name not in done:
                done.add(name)
                way[name] = None
                todo += [(need, depth + 1) for need in reversed(draft.addons[name].requires_addons) if need in rank]


def _cycle(draft: Draft, cycle: list[str], first: int) -> Problem:
    ring = [*cycle[first:], *cycle[: first + 1]]
    shown = " → ".join(ring) if len(ring) <= MOST_NEEDED else " → ".join([*ring[:MOST_NEEDED], "…", ring[-1]])
    what = f"the add-ons need each other in a circle: {shown}"
    return draft.problem(("addons", ring[0], "requires_addons"), what, "remove one of these needs")


def flavors_do_not_take_from_themselves(draft: Draft) -> Iterator[Problem]:
    """Each flavor from which a way leads back to itself is told, so that the circle shows whole."""
    for flavor in draft.flavors.values():
        reached: set[str] = set()
        todo = list(flavor.takes)
        while todo:
            name = todo.pop()
            if name in draft.flavors and name not in reached:
                reached.add(name)
                todo += draft.flavors[name].takes
        if flavor.id in reached:
            what = f"the images of {flavor.id} would be needed to build themselves"
            yield draft.problem(
                ("flavors", flavor.id, "takes"), what, "take from flavors that don't take from this one"
            )


def taken_flavors_can_be_built(draft: Draft) -> Iterator[Problem]:
    for flavor in draft.flavors.values():
        for index, name in enumerate(flavor.takes):
            taken = draft.flavors.get(name)
            if taken and taken.status is Status.PLANNED and flavor.status is Status.AVAILABLE:
                what = f"{name} is planned, so that {flavor.id} could never be built"
                path = ("flavors", flavor.id, "takes", index)
                yield draft.problem(path, what, f"make {flavor.id} planned too, or take nothing from {name}")


def needed_addons_can_be_selected(draft: Draft) -> Iterator[Problem]:
    for addon in draft.addons.values():
        for index, name in enumerate(addon.requires_addons):
            needed = draft.addons.get(name)
            if needed and needed.status is Status.PLANNED and addon.status is Status.AVAILABLE:
                path = ("addons", addon.id, "requires_addons", index)
                what = f"{name} is planned, so that {addon.id} could never be selected"
                yield draft.problem(path, what, f"make {addon.id} planned too, or remove the need")


def needed_addons_go_together(draft: Draft) -> Iterator[Problem]:
    for addon in draft.addons.values():
        path = ("addons", addon.id, "requires_addons")
        needed = needs(draft.addons, addon)
        if len(needed) > MOST_NEEDED:
            yield draft.problem(path, f"it needs more than {MOST_NEEDED} other add-ons", "need fewer of them")
            continue
        together = [addon, *needed]
        pairs = ((one, other) for one in together for other in needed if other.id in one.incompatible_with)
        for one, other in pairs:
            what = f"{addon.id} needs {other.id}, which {_is_incompatible_with(one, addon)}"
            yield draft.problem(path, what, "remove the need or the incompatibility")
            break


def _is_incompatible_with(one: Addon, addon: Addon) -> str:
    if one is addon:
        return "it is incompatible with"
    return f"is incompatible with {one.id}, which it needs too"


def needs(addons: Mapping[str, Addon], addon: Addon) -> list[Addon]:
    """What an add-on needs, directly or not, up to one more than MOST_NEEDED."""
    found: dict[str, Addon] = {}
    todo = [addon]
    while todo and len(found) <= MOST_NEEDED:
        for name in todo.pop().requires_addons:
            if name in addons and name not in found and name != addon.id:
                found[name] = addons[name]
                todo.append(addons[name])
    return list(found.values())


def incompatibility_is_mutual(draft: Draft) -> Iterator[Problem]:
    for addon in draft.addons.values():
        for index, name in enumerate(addon.incompatible_with):
            path = ("addons", addon.id, "incompatible_with", index)
            other = draft.addons.get(name)
            if name == addon.id:
                yield draft.problem(path, "an add-on can't be incompatible with itself", "remove it")
            elif other and addon.id not in other.incompatible_with:
                what = f"{name} does not name {addon.id} as incompatible"
                yield draft.problem(path, what, f"add {addon.id} to incompatible_with of {name}, or remove it here")


def companions_can_be_taken(draft: Draft) -> Iterator[Problem]:
    """There is a combination that has all of a companion's add-ons."""
    for companion in draft.companions.values():
        found = [draft.addons[name] for name in companion.with_addons if name in draft.addons]
        for one, other in combinations(found, 2):
            if not combinable(one, other):
                what = f"{one.id} and {other.id} can't be in one image, so that nothing could ever take {companion.id}"
                yield draft.problem(("companions", companion.id, "with_addons"), what, "remove one of them")
