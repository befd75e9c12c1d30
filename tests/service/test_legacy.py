"""The old product's projects, on both databases, beside the specification's own SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Connection, Row, text

from codeopen.errors import LegacyError
from codeopen.model.catalog.read import read_catalog
from codeopen.service.database.migrations import upgrade
from codeopen.service.database.opening import Database
from codeopen.service.legacy.migrate import Migrated, Undone, migrate, undo

CATALOG = read_catalog(Path(__file__).parents[2] / "catalog")
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
# The specification, "Migration SQL", verbatim.
SPECIFIED = """
UPDATE projects SET 
  resource_tier_id = CASE container_tier_id
    WHEN 'lite' THEN 'starter'
    WHEN 'standard' THEN 'builder'
    WHEN 'pro' THEN 'creator'
    WHEN 'desktop' THEN 'power'
    ELSE 'starter'
  END,
  flavor_id = 'polyglot',
  addon_ids = CASE 
    WHEN container_tier_id = 'desktop' THEN '["gui"]'
    ELSE '[]'
  END
WHERE container_tier_id IS NOT NULL;
"""  # noqa: W291 - as it stands there
EVERYTHING = text("SELECT * FROM projects ORDER BY id")


def fill(database: Database, rows: int, tiers: Sequence[str | None]) -> None:
    """The old product's table with so many rows, before our tables come to it."""
    random = Random(7)  # noqa: S311 - a test's choice

    def work(connection: Connection) -> None:
        connection.execute(
            text("CREATE TABLE projects (id BIGINT PRIMARY KEY, name TEXT NOT NULL, container_tier_id TEXT)")
        )
        connection.execute(
            text("INSERT INTO projects VALUES (:id, :name, :tier)"),
            [{"id": number, "name": f"p{number}", "tier": random.choice(tiers)} for number in range(rows)],
        )

    database.change(work)
    upgrade(database)


def everything(database: Database) -> Sequence[Row[tuple[object, ...]]]:
    with database.read() as connection:
        return connection.execute(EVERYTHING).all()


def run(database: Database, unknown: str = "", now: datetime = NOW) -> Migrated:
    return database.change(lambda connection: migrate(connection, CATALOG, unknown, now))


KNOWN = ("lite", "standard", "pro", "desktop", None)


def test_it_is_the_specification_s_sql_and_undo_is_its_opposite(bare: Database) -> None:
    fill(bare, 500, (*KNOWN, "gone", "''; DROP TABLE projects"))
    first = everything(bare)
    bare.change(lambda connection: connection.execute(text(SPECIFIED)))
    wanted = everything(bare)
    bare.change(
        lambda connection: connection.execute(
            text("UPDATE projects SET resource_tier_id = 'starter', flavor_id = 'fullstack', addon_ids = '[]'")
        )
    )
    assert everything(bare) == first
    done = run(bare, "starter")
    assert everything(bare) == wanted
    assert sum(done.rows.values()) + done.without_tier == 500
    again = run(bare, "starter", NOW + timedelta(seconds=1))
    assert (again.rows, again.already) == ({}, sum(done.rows.values()))
    assert everything(bare) == wanted
    assert bare.change(undo) == Undone(sum(done.rows.values()), 0)
    assert everything(bare) == first
    assert bare.change(undo) == Undone(0, 0)


def test_unknown_tiers_are_refused_by_name_and_nothing_is_done(bare: Database) -> None:
    fill(bare, 100, ("lite", "gone"))
    first = everything(bare)
    with pytest.raises(LegacyError, match=r"doesn't map: 'gone' \(\d+ projects\)"):
        run(bare)
    with pytest.raises(LegacyError, match="did you mean 'starter'"):
        run(bare, "startr")
    assert everything(bare) == first


def test_what_somebody_chose_is_never_touched(bare: Database) -> None:
    fill(bare, 10, ("pro",))
    choose = text("UPDATE projects SET flavor_id = :flavor WHERE id = :id")
    bare.change(lambda connection: connection.execute(choose, {"flavor": "go", "id": 1}))
    assert run(bare).chosen == 1
    assert everything(bare)[1].flavor_id == "go"
    bare.change(lambda connection: connection.execute(choose, {"flavor": "js", "id": 2}))
    assert run(bare, now=NOW + timedelta(1)).rows == {}
    assert bare.change(undo) == Undone(8, 1)
    assert [row.flavor_id for row in everything(bare)] == ["fullstack", "go", "js", *["fullstack"] * 7]


def test_another_catalog_s_mapping_counts(bare: Database) -> None:
    fill(bare, 3, ("pro",))
    mapping = replace(CATALOG.legacy["pro"], tier="power", addons=("gui", "databases"))
    catalog = replace(CATALOG, legacy={"pro": mapping})
    bare.change(lambda connection: migrate(connection, catalog, "", NOW))
    assert {(row.resource_tier_id, row.addon_ids) for row in everything(bare)} == {("power", '["gui", "databases"]')}


def test_a_database_without_the_old_column_is_told(database: Database) -> None:
    for work in (lambda connection: migrate(connection, CATALOG, "", NOW), undo):
        with pytest.raises(LegacyError, match="not the old product's database"):
            database.change(work)


@pytest.mark.heavy
def test_a_hundred_thousand_rows(bare: Database) -> None:
    fill(bare, 100_000, (*KNOWN, "gone"))
    first = everything(bare)
    run(bare, "starter")
    bare.change(undo)
    assert everything(bare) == first
