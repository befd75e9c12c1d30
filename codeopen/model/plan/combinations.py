"""Combinations of a flavor with add-ons: the popular ones, and lazily all that are valid.

Their number grows as 2 to the number of add-ons, so nothing enumerates all of them unless it is asked to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from codeopen.model.catalog.model import Addon, Catalog, Flavor, Status
from codeopen.model.selection.companions import companions_of
from codeopen.model.selection.compatibility import common_platforms, incompatible_pairs, missing_addons
from codeopen.model.selection.order import in_layer_order


@dataclass(frozen=True, slots=True)
class Combination:
    """A flavor and add-ons by their ids; add-ons in layer order."""

    flavor: str
    addons: tuple[str, ...]


def enumerate_combinations(catalog: Catalog) -> Iterator[Combination]:
    """Every combination that can be had with some tier, one after the other: 6 x 2^8 = 1,536 with today's catalog."""
    addons = in_layer_order(addon for addon in catalog.addons.values() if addon.status is Status.AVAILABLE)
    for flavor in catalog.flavors.values():
        if flavor.status is Status.AVAILABLE:
            for chosen in _compatible_sets(addons):
                if _can_be_had(catalog, flavor, chosen):
                    yield Combination(flavor.id, tuple(addon.id for addon in chosen))


def popular_combinations(catalog: Catalog) -> Mapping[Combination, str]:
    """The combinations to build ahead of demand, with the reason of each; those with planned parts are left out."""
    popular: dict[Combination, str] = {}
    for entry in catalog.popular:
        flavor = catalog.flavors[entry.flavor]
        addons = in_layer_order(catalog.addons[addon] for addon in entry.addons)
        if Status.PLANNED in {flavor.status, *(addon.status for addon in addons)} or any(incompatible_pairs(addons)):
            continue
        if _can_be_had(catalog, flavor, addons):
            popular.setdefault(Combination(flavor.id, tuple(addon.id for addon in addons)), entry.reason)
    return MappingProxyType(popular)


def _compatible_sets(addons: tuple[Addon, ...]) -> Iterator[tuple[Addon, ...]]:
    """All sets without an incompatible pair. A set that has one is never extended, so that few pairs cut much."""
    stack: list[tuple[tuple[Addon, ...], int]] = [((), 0)]
    while stack:
        chosen, start = stack.pop()
        yield chosen
        for index in reversed(range(start, len(addons))):
            extended = (*chosen, addons[index])
            if not any(incompatible_pairs(extended)):
                stack.append((extended, index + 1))


def _can_be_had(catalog: Catalog, flavor: Flavor, addons: tuple[Addon, ...]) -> bool:
    companions = companions_of(catalog, flavor.id, (addon.id for addon in addons))
    return not any(missing_addons(addons)) and bool(common_platforms(catalog.base, (flavor, *addons, *companions)))
