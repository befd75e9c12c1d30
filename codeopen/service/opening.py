"""Opens the database of a checkout's catalog. It imports no web framework, so that commands start soon."""

from __future__ import annotations

from pathlib import Path

from codeopen.environment.settings import Settings, read_settings
from codeopen.environment.stack_file import read_stack_values
from codeopen.model.catalog.model import Catalog
from codeopen.model.catalog.read import read_catalog
from codeopen.service.database.migrations import upgrade
from codeopen.service.database.opening import Database, open_database
from codeopen.service.database.seed import seed
from codeopen.service.identity import utc_now


def open_database_of(database_url: str, stack: str, checkout: Path) -> tuple[Database, int]:
    """A database with its tables up to date, and how many entries of the catalog changed in it."""
    return open_filled(database_url, read_stack(stack, checkout)[1])


def read_stack(stack: str, checkout: Path) -> tuple[Settings, Catalog]:
    """A stack's settings and catalog. Raises CodeOpenError."""
    settings = read_settings(stack, read_stack_values(checkout, stack), checkout)
    return settings, read_catalog(settings.catalog)


def open_filled(database_url: str, catalog: Catalog) -> tuple[Database, int]:
    """A database with its tables up to date, and how many entries of the catalog changed in it."""
    database = open_database(database_url)
    upgrade(database)
    return database, database.change(lambda connection: seed(connection, catalog, utc_now()))
