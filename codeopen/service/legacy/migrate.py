"""Gives the old product's projects a tier, a flavor and add-ons, and takes them back.

Source: specification, "Migration from Legacy Containers". Each direction is three statements in one transaction, which
the database works through by itself: a run that is killed has done nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    case,
    cast,
    column,
    delete,
    func,
    inspect,
    literal,
    or_,
    select,
    table,
    text,
    update,
)

from codeopen.errors import LegacyError
from codeopen.model.catalog.model import Catalog, LegacyMapping
from codeopen.model.selection.closest import closest
from codeopen.service.database.opening import insert_once
from codeopen.service.database.tables import MIGRATED_PROJECTS, PROJECT_RECORDS

OLD_COLUMN: Final = "container_tier_id"
_PROJECTS: Final = table(
    "projects",
    *(column(name, Text) for name in ("id", OLD_COLUMN, "resource_tier_id", "flavor_id", "addon_ids")),
)
_ID: Final = cast(_PROJECTS.c.id, Text)  # the old product's may be of another type
_NEW: Final = {"tier": "resource_tier_id", "flavor": "flavor_id", "addons": "addon_ids"}


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a migration did, or would do: rows by old tier, and why others stayed as they are."""

    rows: Mapping[str, int]
    already: int
    chosen: int
    without_tier: int
    unknown: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back, and how many rows somebody has changed since: these stay."""

    rows: int
    changed_since: int


def migrate(connection: Connection, catalog: Catalog, unknown_tier: str, now: datetime) -> Migrated:
    """Give a selection to each old project that has none yet.

    ``unknown_tier`` is the tier of projects whose old one the catalog doesn't map; empty refuses them. Rows that were
    migrated before, or that somebody has chosen for since, stay as they are. Raises LegacyError.
    """
    _check(connection)
    if connection.dialect.name == "postgresql":  # nobody may choose between the statements
        connection.execute(text("LOCK TABLE projects IN SHARE ROW EXCLUSIVE MODE"))
    mappings = dict(catalog.legacy)
    found = _report(connection, mappings)
    if found.unknown and not unknown_tier:
        names = ", ".join(f"{name!r} ({count} projects)" for name, count in sorted(found.unknown.items()))
        raise LegacyError(
            f"container tiers that catalog/legacy.yaml doesn't map: {names}; map them there, or pass --unknown TIER"
        )
    fallback = _fallback(catalog, unknown_tier) if unknown_tier else None
    new = {part: _case(part, mappings, fallback) for part in _NEW}
    # Not by an anti-join: PostgreSQL would scan again for each row what it has just inserted.
    connection.execute(
        insert_once(connection, MIGRATED_PROJECTS).from_select(
            [each.name for each in MIGRATED_PROJECTS.columns],
            _eligible(
                _ID,
                _PROJECTS.c.resource_tier_id,
                _PROJECTS.c.flavor_id,
                _PROJECTS.c.addon_ids,
                new["tier"],
                new["flavor"],
                new["addons"],
                literal(now, MIGRATED_PROJECTS.c.migrated_at.type),
            ),
        )
    )
    of_this_run = select(MIGRATED_PROJECTS.c.project_id).where(MIGRATED_PROJECTS.c.migrated_at == now)
    values: Any = {_NEW[part]: value for part, value in new.items()}
    connection.execute(update(_PROJECTS).where(_ID.in_(of_this_run)).values(values))
    return found


def undo(connection: Connection) -> Undone:
    """Bring back what migrations changed, except where somebody has chosen since."""
    _check(connection)
    done = MIGRATED_PROJECTS.c
    old = {"resource_tier_id": done.old_tier, "flavor_id": done.old_flavor, "addon_ids": done.old_addons}
    same = and_(
        done.project_id == _ID,
        _PROJECTS.c.resource_tier_id == done.new_tier,
        _PROJECTS.c.flavor_id == done.new_flavor,
        _PROJECTS.c.addon_ids == done.new_addons,
    )
    total = connection.scalar(select(func.count()).select_from(MIGRATED_PROJECTS)) or 0
    values: Any = old
    brought_back = connection.execute(update(_PROJECTS).where(same).values(values)).rowcount
    connection.execute(delete(MIGRATED_PROJECTS))
    return Undone(brought_back, total - brought_back)


def _check(connection: Connection) -> None:
    there = inspect(connection)
    columns = {each["name"] for each in there.get_columns("projects")} if there.has_table("projects") else set()
    if OLD_COLUMN not in columns:
        raise LegacyError(
            f"table projects has no column {OLD_COLUMN}: this is not the old product's database; "
            "pass --database with that one's URL"
        )


def _unchosen() -> ColumnElement[bool]:
    """A row that nobody has chosen for: it has the columns' defaults, or nothing."""
    defaults = {"resource_tier_id": "starter", "flavor_id": "fullstack", "addon_ids": "[]"}
    unset = [or_(_PROJECTS.c[name].is_(None), _PROJECTS.c[name] == value) for name, value in defaults.items()]
    ours = select(PROJECT_RECORDS.c.project_id).where(PROJECT_RECORDS.c.project_id == _ID).exists()
    return and_(*unset, ~ours)


def _migrated() -> ColumnElement[bool]:
    return select(MIGRATED_PROJECTS.c.project_id).where(MIGRATED_PROJECTS.c.project_id == _ID).exists()


def _eligible(*columns: ColumnElement[Any]) -> Select[Any]:
    return select(*columns).where(_PROJECTS.c[OLD_COLUMN].is_not(None), _unchosen())


def _report(connection: Connection, mappings: Mapping[str, LegacyMapping]) -> Migrated:
    old = _PROJECTS.c[OLD_COLUMN]
    counts = connection.execute(_eligible(old, func.count()).where(~_migrated()).group_by(old)).all()
    rows = {str(row[0]): int(row[1]) for row in counts}

    def count(*conditions: ColumnElement[bool]) -> int:
        return connection.scalar(select(func.count()).select_from(_PROJECTS).where(*conditions)) or 0

    return Migrated(
        rows=rows,
        already=count(old.is_not(None), _migrated()),
        chosen=count(old.is_not(None), ~_unchosen()),
        without_tier=count(old.is_(None)),
        unknown={name: number for name, number in rows.items() if name not in mappings},
    )


def _fallback(catalog: Catalog, tier: str) -> LegacyMapping:
    """What an unknown old tier becomes: ``tier``, with the flavor that all mappings have."""
    if tier not in catalog.tiers:
        raise LegacyError(f"--unknown {tier}: the catalog has no tier of that id; {closest(tier, catalog.tiers)}")
    flavors = {mapping.flavor for mapping in catalog.legacy.values()}
    if len(flavors) != 1:
        raise LegacyError(
            f"--unknown {tier}: catalog/legacy.yaml maps to several flavors ({', '.join(sorted(flavors))}), so that "
            "none is meant; map each old tier there"
        )
    return LegacyMapping("", tier, flavors.pop(), ())


def _case(part: str, mappings: Mapping[str, LegacyMapping], fallback: LegacyMapping | None) -> ColumnElement[Any]:
    values = {name: literal(_value(mapping, part), Text) for name, mapping in mappings.items()}
    other = literal(_value(fallback, part), Text) if fallback else None
    return case(values, value=_PROJECTS.c[OLD_COLUMN], else_=other)


def _value(mapping: LegacyMapping, part: str) -> str:
    return {"tier": mapping.tier, "flavor": mapping.flavor, "addons": json.dumps(mapping.addons)}[part]
