"""From a selection to its resolution, or to every reason why there is none.

Source: specification, "Resource Calculation" (total = tier + sum of the add-ons).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from codeopen.model.catalog.model import Addon, Catalog, Companion, Flavor, Status, Tier
from codeopen.model.quantity import Cpu, Memory
from codeopen.model.selection.closest import closest
from codeopen.model.selection.companions import companions_of, taken_because
from codeopen.model.selection.compatibility import common_platforms, incompatible_pairs, missing_addons, why_not
from codeopen.model.selection.name import Release, format_image_name, release_errors
from codeopen.model.selection.order import in_layer_order
from codeopen.model.selection.price import signed_price
from codeopen.model.selection.selection import (
    DEFAULT_PLATFORM,
    Reason,
    ReasonCode,
    Refusal,
    Resolution,
    Resources,
    Selection,
)

TIER_MEMORY: Final = "CODEOPEN_TIER_MEMORY_BYTES"


@dataclass(frozen=True, slots=True)
class _Parts:
    """The records that a selection's ids name; ``None`` where there is none. Add-ons in layer order, each once."""

    tier: Tier | None
    flavor: Flavor | None
    addons: tuple[Addon, ...]
    companions: tuple[Companion, ...]


def resolve(
    catalog: Catalog, selection: Selection, release: Release, platform: str = DEFAULT_PLATFORM
) -> Resolution | Refusal:
    """What a selection comes to on a platform, or all reasons why it can't be had."""
    parts = _find_parts(catalog, selection)
    reasons = tuple(_reasons(catalog, selection, parts, release, platform))
    if parts.tier is None or parts.flavor is None or reasons:
        return Refusal(reasons)
    addons = parts.addons
    addon_ports = tuple(port for addon in addons for port in addon.extra_ports)
    ports = (*catalog.base.ports, *addon_ports)
    # The gateway counts the agents that fit. What add-ons add to the container's memory is for their own services.
    env = {**catalog.base.env, TIER_MEMORY: str(parts.tier.memory_limit.bytes)}
    for addon in addons:
        env.update(addon.extra_env)
    return Resolution(
        image=format_image_name(catalog, release, parts.flavor.id, tuple(addon.id for addon in addons)),
        resources=resolve_resources(parts.tier, addons),
        ports=tuple(sorted(ports, key=lambda port: port.port)),
        addon_ports=frozenset(port.name for port in addon_ports),
        env=MappingProxyType(dict(sorted(env.items()))),
        monthly_price_cents=parts.tier.monthly_price_cents + sum(addon.monthly_price_cents for addon in addons),
        platforms=common_platforms(catalog.base, (parts.flavor, *addons, *parts.companions)),
        addons=tuple(addon.id for addon in addons),
        companions=parts.companions,
    )


def resolve_resources(tier: Tier, addons: tuple[Addon, ...]) -> Resources:
    """Tier plus add-ons, exactly. An add-on's memory is really used, so it raises the reservation as well."""
    extra = sum((addon.extra_memory for addon in addons), start=Memory(0))
    memory = tier.memory_limit + extra
    return Resources(
        cpu=sum((addon.extra_cpu for addon in addons), start=Cpu(0)) + tier.cpu_limit,
        memory=memory,
        memory_reservation=min(memory, tier.memory_reservation + extra),
        storage_gb=tier.storage_gb,
        gpus=sum(addon.gpus for addon in addons),
        shared_memory=max((addon.shared_memory for addon in addons), default=Memory(0)),
    )


def _find_parts(catalog: Catalog, selection: Selection) -> _Parts:
    addons = (catalog.addons[addon] for addon in dict.fromkeys(selection.addons) if addon in catalog.addons)
    return _Parts(
        tier=catalog.tiers.get(selection.tier),
        flavor=catalog.flavors.get(selection.flavor),
        addons=in_layer_order(addons),
        companions=companions_of(catalog, selection.flavor, selection.addons),
    )


def _reasons(
    catalog: Catalog, selection: Selection, parts: _Parts, release: Release, platform: str
) -> Iterator[Reason]:
    yield from _unknown(catalog, selection, parts)
    yield from _duplicates(selection)
    yield from _planned(catalog, parts)
    yield from _incompatible(parts.addons)
    yield from _missing(parts.addons)
    if parts.tier is not None:
        yield from _tier_too_low(catalog, parts.tier, parts.addons)
    yield from _platform(catalog, parts, platform)
    for error in release_errors(release):
        yield Reason(ReasonCode.IMAGE_NAME, error.message, error.fix)


def _unknown(catalog: Catalog, selection: Selection, parts: _Parts) -> Iterator[Reason]:
    if parts.tier is None:
        message = f"there is no tier {selection.tier!r}"
        yield Reason(ReasonCode.UNKNOWN_TIER, message, closest(selection.tier, catalog.tiers))
    if parts.flavor is None:
        message = f"there is no flavor {selection.flavor!r}"
        yield Reason(ReasonCode.UNKNOWN_FLAVOR, message, closest(selection.flavor, catalog.flavors))
    for addon in dict.fromkeys(selection.addons):
        if addon not in catalog.addons:
            fix = closest(addon, catalog.addons)
            yield Reason(ReasonCode.UNKNOWN_ADDON, f"there is no add-on {addon!r}", fix)


def _duplicates(selection: Selection) -> Iterator[Reason]:
    for addon, count in Counter(selection.addons).items():
        if count > 1:
            message = f"add-on {addon!r} is selected {count} times"
            yield Reason(ReasonCode.DUPLICATE_ADDON, message, "select it once")


def _planned(catalog: Catalog, parts: _Parts) -> Iterator[Reason]:
    if parts.flavor is not None and parts.flavor.status is Status.PLANNED:
        ready = ", ".join(flavor.id for flavor in catalog.flavors.values() if flavor.status is Status.AVAILABLE)
        message = f"flavor {parts.flavor.id!r} is planned and can't be built yet"
        yield Reason(ReasonCode.PLANNED, message, f"use one of: {ready}")
    for addon in parts.addons:
        if addon.status is Status.PLANNED:
            message = f"add-on {addon.id!r} is planned and can't be built yet"
            yield Reason(ReasonCode.PLANNED, message, "leave it out")


def _incompatible(addons: tuple[Addon, ...]) -> Iterator[Reason]:
    for first, second in incompatible_pairs(addons):
        message = f"add-ons {first.id!r} and {second.id!r} can't be in one image"
        yield Reason(ReasonCode.INCOMPATIBLE_ADDONS, message, "leave out one of the two")


def _missing(addons: tuple[Addon, ...]) -> Iterator[Reason]:
    for addon, required in missing_addons(addons):
        message = f"add-on {addon.id!r} needs add-on {required!r}, which is not selected"
        yield Reason(ReasonCode.MISSING_ADDON, message, f"add {required!r}, or leave out {addon.id!r}")


def _tier_too_low(catalog: Catalog, tier: Tier, addons: tuple[Addon, ...]) -> Iterator[Reason]:
    for addon in addons:
        if addon.requires_tier is None:
            continue
        smallest = _size(catalog.tiers[addon.requires_tier])
        if _size(tier) < smallest:
            enough = [candidate for candidate in catalog.tiers.values() if _size(candidate) >= smallest]
            cheapest = min(enough, key=lambda each: each.monthly_price_cents)
            more = signed_price(cheapest.monthly_price_cents - tier.monthly_price_cents)
            message = f"add-on {addon.id!r} needs tier {addon.requires_tier!r} or higher, not {tier.id!r}"
            fix = f"use one of the tiers: {', '.join(each.id for each in enough)}; the cheapest change is "
            yield Reason(ReasonCode.TIER_TOO_LOW, message, f"{fix}{cheapest.id!r}, {more}")


def _size(tier: Tier) -> tuple[Cpu, Memory]:
    # Tiers are ranked by what they give: sort_order only says where they are displayed.
    return tier.cpu_limit, tier.memory_limit


def _platform(catalog: Catalog, parts: _Parts, platform: str) -> Iterator[Reason]:
    if platform not in catalog.base.platforms:
        message = f"there is no platform {platform!r}"
        yield Reason(ReasonCode.PLATFORM, message, closest(platform, catalog.base.platforms))
        return
    flavors = () if parts.flavor is None else (parts.flavor,)
    lacking = [_lacking(catalog, "flavor", flavor, platform) for flavor in flavors if platform not in flavor.platforms]
    lacking += [
        _lacking(catalog, "add-on", addon, platform) for addon in parts.addons if platform not in addon.platforms
    ]
    lacking += [
        f"{_lacking(catalog, 'companion', companion, platform)}, {taken_because(companion)}"
        for companion in parts.companions
        if platform not in companion.platforms
    ]
    if lacking:
        usable = common_platforms(catalog.base, (*flavors, *parts.addons, *parts.companions))
        fix = f"use one of: {', '.join(usable)}" if usable else "no platform has all of these parts: leave some out"
        yield Reason(ReasonCode.PLATFORM, f"not built for platform {platform!r}: {', '.join(lacking)}", fix)


def _lacking(catalog: Catalog, noun: str, part: Flavor | Addon | Companion, platform: str) -> str:
    why = why_not(catalog, part, platform)
    return f"{noun} {part.id!r}" + (f" ({why})" if why else "")
