"""The service's tests run on both databases: SQLite, and a real PostgreSQL server of their own."""

from __future__ import annotations

import itertools
import shutil
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


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the service's tables, to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "tables.db"
    _fill(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_tables(postgres: Server) -> str:
    """The name of a database with the service's tables, to be copied."""
    _run(postgres, "CREATE DATABASE service_tables")
    _fill(_url(postgres, "service_tables"))
    return "service_tables"


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bare(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> Iterator[Database]:
    """A database without tables."""
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path}/service.db"
    else:
        url = _copy(request.getfixturevalue("postgres"), "template0")
    yield from _opened(url)


@pytest.fixture
def database(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> Iterator[Database]:
    """A database with the service's tables."""
    if kind == "sqlite":
        shutil.copyfile(request.getfixturevalue("sqlite_tables"), tmp_path / "service.db")
        url = f"sqlite:///{tmp_path}/service.db"
    else:
        tables = request.getfixturevalue("postgres_tables")
        url = _copy(request.getfixturevalue("postgres"), tables)
    yield from _opened(url)


def _opened(url: str) -> Iterator[Database]:
    database = open_database(url)
    yield database
    database.close()


def _fill(url: str) -> None:
    for database in _opened(url):
        upgrade(database)


def _copy(server: Server, template: str) -> str:
    name = f"service_{next(_NUMBERS)}"
    _run(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    return _url(server, name)


def _url(server: Server, name: str) -> str:
    return server.dsn.removesuffix("postgres") + name


def _run(server: Server, statement: str) -> None:
    with psycopg.connect(server.socket, autocommit=True) as connection:
        connection.execute(statement.encode())
