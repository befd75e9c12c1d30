"""Defaults, orders and amounts of tiers, flavors and add-ons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from codeopen.errors import Problem
from codeopen.model.catalog.draft import NOUNS, Draft
from codeopen.model.catalog.model import Flavor, Status, Tier
from codeopen.model.catalog.source import KeyPath


def one_tier_is_default(draft: Draft) -> Iterator[Problem]:
    yield from _one_is_default(draft, "tiers", draft.tiers)


def one_flavor_is_default(draft: Draft) -> Iterator[Problem]:
    yield from _one_is_default(draft, "flavors", draft.flavors)
    for flavor in draft.flavors.values():
        if flavor.is_default and flavor.status is Status.PLANNED:
            path = ("flavors", flavor.id, "is_default")
            yield draft.problem(path, "a planned flavor is the default", "make an available flavor the default")


def _one_is_default(draft: Draft, topic: str, entries: Mapping[str, Tier] | Mapping[str, Flavor]) -> Iterator[Problem]:
    defaults = [entry.id for entry in entries.values() if entry.is_default]
    noun = NOUNS[topic]
    if not defaults and topic in draft.whole:
        fix = f"set is_default: true on one {noun}"
        yield draft.problem((topic,), f"no {noun} is the default", fix, at_key=True)
    for name in defaults[1:]:
        what = f"a second {noun} is the default, after {defaults[0]}"
        yield draft.problem((topic, name, "is_default"), what, f"set it to false here or on {defaults[0]}")


def orders_are_unique(draft: Draft) -> Iterator[Problem]:
    orders: list[tuple[KeyPath, int]] = []
    orders += [(("tiers", tier.id, "sort_order"), tier.sort_order) for tier in draft.tiers.values()]
    orders += [(("flavors", flavor.id, "sort_order"), flavor.sort_order) for flavor in draft.flavors.values()]
    orders += [(("addons", addon.id, "sort_order"), addon.sort_order) for addon in draft.addons.values()]
    orders += [(("addons", addon.id, "layer_order"), addon.layer_order) for addon in draft.addons.values()]
    holders: dict[tuple[str | int, str | int, int], str | int] = {}
    for path, order in orders:
        holder = holders.setdefault((path[0], path[2], order), path[1])
        if holder != path[1]:
            yield draft.problem(path, f"{order} is also the {path[2]} of {holder}", "give each a number of its own")


def reservations_fit_limits(draft: Draft) -> Iterator[Problem]:
    for tier in draft.tiers.values():
        path = ("tiers", tier.id)
        if tier.memory_reservation > tier.memory_limit:
            what = f"{tier.memory_reservation} is more than the memory_limit of {tier.memory_limit}"
            yield draft.problem((*path, "memory_reservation"), what, f"write {tier.memory_limit} or less")
        if tier.cpu_limit.millicores == 0:
            yield draft.problem((*path, "cpu_limit"), "a container can't run without CPU", 'write an amount, as "1"')
        if tier.memory_limit.bytes == 0:
            yield draft.problem(
                (*path, "memory_limit"), "a container can't run without memory", "write an amount, as 2Gi"
            )
