"""The service's tests run on both databases: SQLite, and a real PostgreSQL server of their own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from codeopen.service.database.migrations import upgrade
from codeopen.service.database.opening import Database, open_database
from tests.postgres import Server, running_server

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with running_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of its own, without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/service.db"
    server: Server = request.getfixturevalue("postgres")
    name = f"service_{next(_NUMBERS)}"
    with psycopg.connect(server.socket, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return server.dsn.removesuffix("postgres") + name


@pytest.fixture
def bare(database_url: str) -> Iterator[Database]:
    """A database without tables."""
    database = open_database(database_url)
    yield database
    database.close()


@pytest.fixture
def database(bare: Database) -> Database:
    """A database with the service's tables."""
    upgrade(bare)
    return bare
