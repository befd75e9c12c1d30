"""Companions: parts that nobody selects, which a combination takes because of what it holds."""

from __future__ import annotations

from collections.abc import Iterable

from codeopen.model.catalog.model import Catalog, Companion


def companions_of(catalog: Catalog, flavor: str, addons: Iterable[str]) -> tuple[Companion, ...]:
    """The companions that a flavor with add-ons takes, in catalog order."""
    held = tuple(addons)
    return tuple(companion for companion in catalog.companions.values() if companion.is_taken_by(flavor, held))


def taken_because(companion: Companion) -> str:
    """Why a combination has a companion, as ``taken by python or polyglot with gpu``."""
    return f"taken by {' or '.join(companion.with_flavors)} with {' and '.join(companion.with_addons)}"
