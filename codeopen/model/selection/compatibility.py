"""Which parts can be in one image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from codeopen.model.catalog.model import Addon, Base, Catalog, Companion, Flavor


def incompatible_pairs(addons: Sequence[Addon]) -> Iterator[tuple[Addon, Addon]]:
    """Every pair of add-ons that can't be in one image, each once."""
    for index, first in enumerate(addons):
        for second in addons[index + 1 :]:
            if second.id in first.incompatible_with or first.id in second.incompatible_with:
                yield first, second


def missing_addons(addons: Sequence[Addon]) -> Iterator[tuple[Addon, str]]:
    """Every add-on of the image with the id of another that it requires and that isn't there."""
    present = {addon.id for addon in addons}
    for addon in addons:
        for required in addon.requires_addons:
            if required not in present:
                yield addon, required


def common_platforms(base: Base, parts: Iterable[Flavor | Addon | Companion]) -> tuple[str, ...]:
    """The platforms, in the base's order, that the base and all other parts of an image are built for."""
    platforms = [part.platforms for part in parts]
    return tuple(platform for platform in base.platforms if all(platform in others for others in platforms))


def why_not(catalog: Catalog, part: Base | Flavor | Addon | Companion, platform: str) -> str:
    """Why a part is not built for a platform: what it says itself, its upstreams and the flavors that it takes."""
    return "; ".join(dict.fromkeys(_causes(catalog, part, platform)))


def _causes(catalog: Catalog, part: Base | Flavor | Addon | Companion, platform: str) -> Iterator[str]:
    if not isinstance(part, Base) and platform in part.not_for:
        yield part.not_for[platform]
    for upstream in (catalog.upstreams[name] for name in part.upstreams):
        if platform in upstream.not_for:
            yield upstream.not_for[platform]
    for taken in part.takes if isinstance(part, Flavor) else ():
        yield from _causes(catalog, catalog.flavors[taken], platform)
