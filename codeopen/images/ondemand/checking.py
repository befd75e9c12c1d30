"""The gate over pairs of a plan's parts that are in the registry: which compose, which don't, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from codeopen.errors import OnDemandError
from codeopen.images.compose.gate import Finding
from codeopen.images.compose.part_index import PartIndex
from codeopen.images.ondemand.composing import read_index
from codeopen.images.ondemand.opening import Bench
from codeopen.model.catalog.model import Addon, Catalog, Status
from codeopen.model.plan.parts import BASE, PartId, PartKind, list_members
from codeopen.model.selection.compatibility import incompatible_pairs
from codeopen.model.selection.order import in_layer_order


@dataclass(frozen=True, slots=True)
class CheckedPair:
    """Two parts, whether both are there to be judged, the findings of the gate, and whether the oracle has agreed."""

    one: PartId
    other: PartId
    judged: bool
    findings: tuple[Finding, ...]
    proved: bool = False

    @property
    def composed(self) -> bool:
        return self.judged and not self.findings


def list_pairs(catalog: Catalog) -> Iterator[tuple[PartId, PartId]]:
    """All pairs that combinations can hold, in the order of layers: a flavor with another part, then all others."""
    addons = in_layer_order(addon for addon in catalog.addons.values() if addon.status is Status.AVAILABLE)
    flavors = (flavor.id for flavor in catalog.flavors.values() if flavor.status is Status.AVAILABLE)
    whole = [list_members(catalog, flavor, tuple(addon.id for addon in addons)) for flavor in flavors]
    yield from ((flavor, other) for flavor, *others in whole for other in others)
    for pair in dict.fromkeys(pair for _, *others in whole for pair in combinations(others, 2)):
        if not any(incompatible_pairs(_selected(catalog, pair))):
            yield pair


def _selected(catalog: Catalog, pair: tuple[PartId, PartId]) -> list[Addon]:
    """The add-ons that a combination with this pair has, at least."""
    names: dict[str, None] = {}
    for part in pair:
        own = catalog.companions[part.id].with_addons if part.kind is PartKind.COMPANION else (part.id,)
        names |= dict.fromkeys(own)
    return [catalog.addons[name] for name in names]


def check_pairs(bench: Bench, pairs: Iterable[tuple[PartId, PartId]], platform: str) -> Sequence[CheckedPair]:
    """Judge pairs; nothing is built. Raises OnDemandError where the base isn't there, and RegistryError."""
    wanted = tuple(pairs)
    found = bench.parts.find_all(dict.fromkeys((BASE, *(part for pair in wanted for part in pair))), platform)
    reference = found[BASE]
    if reference is None:
        raise OnDemandError(
            f"{bench.tools.registry.host}: it has no base of this plan; build the stack first (`codeopen up`)"
        )
    base = read_index(bench.tools.store, reference, platform, None)
    indexes = {
        part: read_index(bench.tools.store, each, platform, base)
        for part, each in found.items()
        if each and part != BASE
    }
    return [_check(bench, base, indexes, pair) for pair in wanted]


def _check(bench: Bench, base: PartIndex, indexes: dict[PartId, PartIndex], pair: tuple[PartId, PartId]) -> CheckedPair:
    one, other = pair
    if one not in indexes or other not in indexes:
        return CheckedPair(one, other, judged=False, findings=())
    verdict = bench.tools.verdicts.with_proof(base, indexes[one], indexes[other])
    return CheckedPair(one, other, judged=True, findings=verdict.findings, proved=verdict.proved)
