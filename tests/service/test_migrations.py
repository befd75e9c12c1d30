"""The database's versions, up and down with data in them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, select, text

from codeopen.errors import DatabaseError
from codeopen.model.catalog.read import read_catalog
from codeopen.service.database.migrations import check_version, downgrade, upgrade
from codeopen.service.database.opening import Database, open_database
from codeopen.service.database.seed import seed
from codeopen.service.database.tables import METADATA, PROJECTS, RESOURCE_TIERS, RETIRED_ENTRIES

CATALOG = Path(__file__).parents[2] / "catalog"
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_the_tables_are_those_of_the_models(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_an_upgrade_is_idempotent_and_a_downgrade_leaves_nothing(bare: Database) -> None:
    with pytest.raises(DatabaseError, match="run `codeopen service upgrade`"):
        check_version(bare)
    upgrade(bare)
    bare.change(lambda connection: seed(connection, read_catalog(CATALOG), NOW))
    upgrade(bare)
    check_version(bare)
    downgrade(bare, "base")
    assert inspect(bare.engine).get_table_names() == ["alembic_version"]
    upgrade(bare)
    check_version(bare)


def test_the_old_product_s_table_gets_three_columns_and_gives_them_back(bare: Database) -> None:
    def old(connection: Connection) -> None:
        connection.execute(
            text("CREATE TABLE projects (id TEXT PRIMARY KEY, name TEXT NOT NULL, container_tier_id TEXT)")
        )
        connection.execute(text("INSERT INTO projects VALUES ('a', 'one', 'pro'), ('b', 'two', NULL)"))

    bare.change(old)
    upgrade(bare)
    with bare.read() as connection:
        rows = connection.execute(select(PROJECTS).order_by(PROJECTS.c.id)).all()
        assert [tuple(row) for row in rows] == [
            ("a", "one", "starter", "fullstack", "[]"),
            ("b", "two", "starter", "fullstack", "[]"),
        ]
    bare.change(lambda connection: seed(connection, read_catalog(CATALOG), NOW))
    downgrade(bare, "base")
    assert [column["name"] for column in inspect(bare.engine).get_columns("projects")] == [
        "id",
        "name",
        "container_tier_id",
    ]
    with bare.read() as connection:
        assert connection.execute(text("SELECT * FROM projects ORDER BY id")).all() == [
            ("a", "one", "pro"),
            ("b", "two", None),
        ]


def test_the_catalog_s_rows_are_seeded_once_and_follow_it(database: Database) -> None:
    catalog = read_catalog(CATALOG)
    assert database.change(lambda connection: seed(connection, catalog, NOW)) == len(catalog.tiers) + len(
        catalog.flavors
    ) + len(catalog.addons)
    assert database.change(lambda connection: seed(connection, catalog, NOW)) == 0
    database.change(lambda connection: connection.execute(RESOURCE_TIERS.update().values(name="old")))
    assert database.change(lambda connection: seed(connection, catalog, NOW)) == len(catalog.tiers)


def test_an_entry_that_left_the_catalog_stays_while_a_project_uses_it(database: Database) -> None:
    more: dict[str, str | int] = {
        "name": "x",
        "description": "x",
        "cpu_limit": "1",
        "memory_limit": "1Gi",
        "memory_reservation": "1Gi",
    }
    more |= {"storage_gb": 1, "monthly_price_cents": 1, "is_default": 0, "sort_order": 9}

    def fill(connection: Connection) -> None:
        connection.execute(RESOURCE_TIERS.insert(), [{"id": "used", **more}, {"id": "unused", **more}])
        connection.execute(PROJECTS.insert().values(id="a", name="one", resource_tier_id="used", addon_ids="not JSON"))

    database.change(fill)
    catalog = read_catalog(CATALOG)
    database.change(lambda connection: seed(connection, catalog, NOW))
    with database.read() as connection:
        names = set(connection.scalars(select(RESOURCE_TIERS.c.id)))
        assert names == {*catalog.tiers, "used"}
        assert connection.execute(select(RETIRED_ENTRIES)).all() == [("tier", "used", NOW)]
    database.change(lambda connection: connection.execute(PROJECTS.delete()))
    database.change(lambda connection: seed(connection, catalog, NOW))
    with database.read() as connection:
        assert set(connection.scalars(select(RESOURCE_TIERS.c.id))) == set(catalog.tiers)
        assert connection.execute(select(RETIRED_ENTRIES)).all() == []


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "can't be read"),
        ("mysql://localhost/x", "only sqlite and postgresql"),
        ("sqlite://", "it needs a file"),
        ("postgresql://u:secret@127.0.0.1:1/x", "see that it runs"),
    ],
)
def test_a_database_that_can_t_be_used_is_told_without_its_password(url: str, told: str) -> None:
    with pytest.raises(DatabaseError, match=told) as caught:
        upgrade(open_database(url))
    assert "secret" not in str(caught.value)
