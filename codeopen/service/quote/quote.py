"""The quote of a selection: computed from the catalog alone, with a digest that changes with anything in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from codeopen.errors import FieldReason, RefusedError
from codeopen.model.catalog.model import Catalog
from codeopen.model.selection.name import Release
from codeopen.model.selection.resolve import resolve
from codeopen.model.selection.selection import ReasonCode, Refusal, Resolution, Selection
from codeopen.service.projects.values import Chosen

_FIELDS: Final = {
    ReasonCode.UNKNOWN_TIER: "resourceTierId",
    ReasonCode.TIER_TOO_LOW: "resourceTierId",
    ReasonCode.UNKNOWN_FLAVOR: "flavorId",
    ReasonCode.UNKNOWN_ADDON: "addonIds",
    ReasonCode.DUPLICATE_ADDON: "addonIds",
    ReasonCode.INCOMPATIBLE_ADDONS: "addonIds",
    ReasonCode.MISSING_ADDON: "addonIds",
}


@dataclass(frozen=True, slots=True)
class PriceLine:
    """What one entry of the catalog costs, in cents a month."""

    kind: str
    id: str
    name: str
    cents: int


@dataclass(frozen=True, slots=True)
class Quote:
    """What a valid selection is. ``addons`` are in the order in which the caller named them."""

    selection: Selection
    resolution: Resolution
    lines: tuple[PriceLine, ...]
    digest: str

    @property
    def chosen(self) -> Chosen:
        """As a project keeps it."""
        resources = self.resolution.resources
        return Chosen(
            tier=self.selection.tier,
            flavor=self.selection.flavor,
            addons=self.selection.addons,
            image=str(self.resolution.image),
            cpu_millis=resources.cpu.millicores,
            memory_bytes=resources.memory.bytes,
            gpus=resources.gpus,
            price_cents=self.resolution.monthly_price_cents,
        )


def make_quote(catalog: Catalog, selection: Selection, release: Release, platform: str) -> Quote:
    """The quote of a selection. Raises RefusedError with every reason why there is none."""
    resolution = resolve(catalog, selection, release, platform)
    if isinstance(resolution, Refusal):
        reasons = tuple(
            FieldReason(each.code.value, _FIELDS.get(each.code, ""), each.message, each.fix)
            for each in resolution.reasons
        )
        raise RefusedError(422, "selection-refused", "This selection can't be had.", reasons)
    tier = catalog.tiers[selection.tier]
    addons = [catalog.addons[name] for name in selection.addons]
    lines = (
        PriceLine("tier", tier.id, tier.name, tier.monthly_price_cents),
        *(PriceLine("addon", addon.id, addon.name, addon.monthly_price_cents) for addon in addons),
    )
    return Quote(selection, resolution, lines, _digest(selection, resolution, lines))


def check_digest(quote: Quote, accepted: str) -> None:
    """Raises RefusedError where a caller accepted another quote than this one."""
    if accepted and accepted != quote.digest:
        raise RefusedError(
            409,
            "quote-changed",
            "The catalog, the price or the image changed since this quote. Ask for a new quote and accept that.",
        )


def _digest(selection: Selection, resolution: Resolution, lines: tuple[PriceLine, ...]) -> str:
    resources = resolution.resources
    content: Mapping[str, object] = {
        "selection": [selection.tier, selection.flavor, sorted(selection.addons)],
        "image": str(resolution.image),
        "resources": [
            resources.cpu.millicores,
            resources.memory.bytes,
            resources.memory_reservation.bytes,
            resources.storage_gb,
            resources.gpus,
        ],
        "ports": [port.port for port in resolution.ports],
        "env": dict(resolution.env),
        "price": sorted([line.kind, line.id, line.cents] for line in lines),
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
