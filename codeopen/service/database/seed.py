"""The catalog's rows in the database: brought up to date at each start, however often."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, insert, select, update

from codeopen.model.catalog.model import Catalog
from codeopen.service.database.catalog_fields import addon_fields, flavor_fields, tier_fields
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
        "tier": [_encoded(tier_fields(each)) for each in catalog.tiers.values()],
        "flavor": [_encoded(flavor_fields(each)) for each in catalog.flavors.values()],
        "addon": [_encoded(addon_fields(each)) for each in catalog.addons.values()],
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


def _encoded(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as columns: lists and objects are JSON, flags are numbers."""
    return {
        name: json.dumps(value) if isinstance(value, list | dict) else int(value) if isinstance(value, bool) else value
        for name, value in fields.items()
    }
