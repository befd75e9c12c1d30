"""Entries of the catalog by the columns of the specification: the database and the API both have these."""

from __future__ import annotations

from typing import Any

from codeopen.model.catalog.model import Addon, Flavor, Tier
from codeopen.model.selection.name import PREFIX


def tier_fields(tier: Tier) -> dict[str, Any]:
    """A tier by its columns."""
    return {
        "id": tier.id,
        "name": tier.name,
        "description": tier.description,
        "cpu_limit": str(tier.cpu_limit),
        "memory_limit": str(tier.memory_limit),
        "memory_reservation": str(tier.memory_reservation),
        "storage_gb": tier.storage_gb,
        "monthly_price_cents": tier.monthly_price_cents,
        "is_default": tier.is_default,
        "sort_order": tier.sort_order,
    }


def flavor_fields(flavor: Flavor) -> dict[str, Any]:
    """A flavor by its columns."""
    return {
        "id": flavor.id,
        "name": flavor.name,
        "description": flavor.description,
        "base_image": f"{PREFIX}{flavor.id}",
        "languages": list(flavor.languages),
        "frameworks": list(flavor.frameworks),
        "tools": list(flavor.tools),
        "estimated_size_mb": flavor.estimated_size_mb,
        "is_default": flavor.is_default,
        "sort_order": flavor.sort_order,
    }


def addon_fields(addon: Addon) -> dict[str, Any]:
    """An add-on by its columns."""
    return {
        "id": addon.id,
        "name": addon.name,
        "description": addon.description,
        "image_suffix": f"-{addon.image_suffix}",
        "extra_cpu": str(addon.extra_cpu),
        "extra_memory": str(addon.extra_memory),
        "extra_ports": [port.port for port in addon.extra_ports],
        "extra_env": dict(addon.extra_env),
        "requires_tier": addon.requires_tier,
        "incompatible_with": list(addon.incompatible_with),
        "monthly_price_cents": addon.monthly_price_cents,
        "sort_order": addon.sort_order,
    }
