"""The catalog's rows in the database: brought up to date at each start, however often."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, insert, select, update

from codeopen.model.catalog.model import Addon, Catalog, Flavor, Tier
from codeopen.model.selection.name import PREFIX
from codeopen.service.database.tables import (
    CONTAINER_ADDONS,
    CONTAINER_FLAVORS,
    PROJECTS,
    RESOURCE_TIERS,
    RETIRED_ENTRIES,
)

KINDS: Final[Mapping[str, Table]] = {
    "tier": RESOURCE_TIERS,
    "flavor": CONTAINER_FLAVORS,
    "addon": CONTAINER_ADDONS,
}


def seed(connection: Connection, catalog: Catalog, now: datetime) -> int:
    """Make the three tables say what the catalog says, and return how many rows changed.

    An entry that left the catalog stays while a project uses it, and is marked in ``retired_entries``; else it goes.
    """
    used = _used(connection)
    wanted = {
        "tier": [tier_row(each) for each in catalog.tiers.values()],
        "flavor": [flavor_row(each) for each in catalog.flavors.values()],
        "addon": [addon_row(each) for each in catalog.addons.values()],
    }
    return sum(_seed_kind(connection, kind, wanted[kind], used[kind], now) for kind in KINDS)


def _seed_kind(connection: Connection, kind: str, rows: list[dict[str, Any]], used: set[str], now: datetime) -> int:
    table = KINDS[kind]
    there = {row.id: dict(row._mapping) for row in connection.execute(select(table))}  # noqa: SLF001 - its public name
    retired = set(connection.scalars(select(RETIRED_ENTRIES.c.id).where(RETIRED_ENTRIES.c.kind == kind)))
    wanted = {row["id"]: row for row in rows}
    changes = 0
    for name, row in wanted.items():
        if name not in there:
            connection.execute(insert(table).values(row))
        elif there[name] != row:
            connection.execute(update(table).where(table.c.id == name).values(row))
        else:
            continue
        changes += 1
    gone = set(there) - set(wanted)
    for name in gone - used:
        connection.execute(delete(table).where(table.c.id == name))
        changes += 1
    for name in (gone & used) - retired:
        connection.execute(insert(RETIRED_ENTRIES).values(kind=kind, id=name, retired_at=now))
        changes += 1
    for name in retired - (gone & used):
        connection.execute(delete(RETIRED_ENTRIES).where(RETIRED_ENTRIES.c.kind == kind, RETIRED_ENTRIES.c.id == name))
    return changes


def _used(connection: Connection) -> dict[str, set[str]]:
    """The ids that projects name, by kind."""
    addons: set[str] = set()
    for text in connection.scalars(select(PROJECTS.c.addon_ids).distinct()):
        addons.update(_names(text))
    return {
        "tier": set(filter(None, connection.scalars(select(PROJECTS.c.resource_tier_id).distinct()))),
        "flavor": set(filter(None, connection.scalars(select(PROJECTS.c.flavor_id).distinct()))),
        "addon": addons,
    }


def _names(text: str | None) -> Iterator[str]:
    """The ids in a project's ``addon_ids``; none in a text of the old product that is no list of them."""
    try:
        read = json.loads(text or "[]")
    except ValueError:
        return
    yield from (each for each in (read if isinstance(read, list) else ()) if isinstance(each, str))


def tier_row(tier: Tier) -> dict[str, Any]:
    """A tier as its row."""
    return {
        "id": tier.id,
        "name": tier.name,
        "description": tier.description,
        "cpu_limit": str(tier.cpu_limit),
        "memory_limit": str(tier.memory_limit),
        "memory_reservation": str(tier.memory_reservation),
        "storage_gb": tier.storage_gb,
        "monthly_price_cents": tier.monthly_price_cents,
        "is_default": int(tier.is_default),
        "sort_order": tier.sort_order,
    }


def flavor_row(flavor: Flavor) -> dict[str, Any]:
    """A flavor as its row."""
    return {
        "id": flavor.id,
        "name": flavor.name,
        "description": flavor.description,
        "base_image": f"{PREFIX}{flavor.id}",
        "languages": json.dumps(flavor.languages),
        "frameworks": json.dumps(flavor.frameworks),
        "tools": json.dumps(flavor.tools),
        "estimated_size_mb": flavor.estimated_size_mb,
        "is_default": int(flavor.is_default),
        "sort_order": flavor.sort_order,
    }


def addon_row(addon: Addon) -> dict[str, Any]:
    """An add-on as its row."""
    return {
        "id": addon.id,
        "name": addon.name,
        "description": addon.description,
        "image_suffix": f"-{addon.image_suffix}",
        "extra_cpu": str(addon.extra_cpu),
        "extra_memory": str(addon.extra_memory),
        "extra_ports": json.dumps([port.port for port in addon.extra_ports]),
        "extra_env": json.dumps(dict(addon.extra_env)),
        "requires_tier": addon.requires_tier,
        "incompatible_with": json.dumps(addon.incompatible_with),
        "monthly_price_cents": addon.monthly_price_cents,
        "sort_order": addon.sort_order,
    }
