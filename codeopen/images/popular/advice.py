"""What follows from use: what to compose ahead of demand, and the order of layers, with what each is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from codeopen.images.popular.choice import Choice, choose, estimate_registry_bytes
from codeopen.images.popular.layer_order import NODE_PROJECTS, Demand, best_order, expected_bytes
from codeopen.images.popular.sizes import PartSizes
from codeopen.images.popular.use import CombinationUse, Use
from codeopen.model.catalog.model import Catalog
from codeopen.model.plan.combinations import Combination, popular_combinations
from codeopen.model.selection.order import in_layer_order


@dataclass(frozen=True, slots=True)
class NodeBytes:
    """What a node is expected to take for add-ons with an order of layers.

    Every node unpacks by chain. One that throws compressed layers away once they are unpacked, or never keeps them
    apart, pulls by chain as well.
    """

    unpacked: Fraction
    pulled: Fraction


@dataclass(frozen=True, slots=True)
class OrderAdvice:
    """The order of layers that is best, beside the catalog's, with the expected bytes of a node with each."""

    now: tuple[str, ...]
    best: tuple[str, ...]
    with_now: NodeBytes
    with_best: NodeBytes
    node_projects: int

    @property
    def saved(self) -> Fraction:
        """Unpacked bytes a node, never below zero."""
        return self.with_now.unpacked - self.with_best.unpacked


@dataclass(frozen=True, slots=True)
class Advice:
    """All of it. ``dropped`` is what is popular in the catalog and not chosen, ``refused`` what can't be had."""

    choice: Choice
    order: OrderAdvice
    popular: frozenset[Combination]
    dropped: tuple[Combination, ...]
    refused: tuple[CombinationUse, ...]


def advise(
    catalog: Catalog,
    use: Use,
    sizes: PartSizes,
    budget: int,
    cost: Callable[[Combination], int] = estimate_registry_bytes,
) -> Advice:
    """The advice for a catalog, from counted use and the sizes of its parts, within a budget of bytes."""
    choice = choose(use, budget, cost)
    popular = popular_combinations(catalog)
    chosen = {ranked.use.combination for ranked in choice.chosen}
    return Advice(
        choice=choice,
        order=advise_order(catalog, use, sizes),
        popular=frozenset(popular),
        dropped=tuple(combination for combination in popular if combination not in chosen),
        refused=tuple(used for used in use.combinations if used.obstacle),
    )


def advise_order(catalog: Catalog, use: Use, sizes: PartSizes, node_projects: int = NODE_PROJECTS) -> OrderAdvice:
    """The order of layers for all that is in use, chosen or not: what is composed on demand has it too."""
    now = tuple(addon.id for addon in in_layer_order(catalog.addons.values()))
    demand = [
        Demand(used.combination.flavor, frozenset(used.combination.addons), used.projects)
        for used in use.combinations
        if not used.obstacle
    ]
    unpacked = {addon: size.unpacked for addon, size in sizes.addons.items()}
    compressed = {addon: size.compressed for addon, size in sizes.addons.items()}
    best = best_order(now, demand, unpacked, node_projects)

    def node_bytes(order: tuple[str, ...]) -> NodeBytes:
        return NodeBytes(
            expected_bytes(order, demand, unpacked, node_projects),
            expected_bytes(order, demand, compressed, node_projects),
        )

    return OrderAdvice(now, best, node_bytes(now), node_bytes(best), node_projects)
