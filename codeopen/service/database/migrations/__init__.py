"""The database's versions: how it is brought to the newest, and back."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from codeopen.errors import DatabaseError
from codeopen.service.database.opening import Database

CONNECTION = "connection"


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the tables to a version, in one transaction. Raises DatabaseError."""
    database.change(lambda connection: command.upgrade(_config(connection), revision))


def downgrade(database: Database, revision: str) -> None:
    """Bring the tables back to an older version, ``base`` for none. What only newer tables hold is lost."""
    database.change(lambda connection: command.downgrade(_config(connection), revision))


def check_version(database: Database) -> None:
    """Raises DatabaseError where the tables are not those of this program."""
    with database.read() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    newest = _newest()
    if found != newest:
        raise DatabaseError(
            f"the database's tables have version {found or 'none'}, and this program needs {newest}; "
            "run `codeopen service upgrade`"
        )


@cache  # the files of a program don't change while it runs
def _newest() -> str | None:
    return ScriptDirectory.from_config(_config(None)).get_current_head()


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes[CONNECTION] = connection
    return config
