"""The canonical order of add-ons in an image's layers."""

from __future__ import annotations

from collections.abc import Iterable

from codeopen.model.catalog.model import Addon


def in_layer_order(addons: Iterable[Addon]) -> tuple[Addon, ...]:
    """Add-ons by ``layer_order``: total and stable, so that images share the longest possible chains of layers."""
    return tuple(sorted(addons, key=lambda addon: (addon.layer_order, addon.id)))
