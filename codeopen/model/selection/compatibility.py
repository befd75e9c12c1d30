"""Which parts can be in one image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from codeopen.model.catalog.model import Addon, Base, Flavor


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


def common_platforms(base: Base, parts: Iterable[Flavor | Addon]) -> tuple[str, ...]:
    """The platforms, in the base's order, that the base and all other parts of an image are built for."""
    platforms = [part.platforms for part in parts]
    return tuple(platform for platform in base.platforms if all(platform in others for others in platforms))
