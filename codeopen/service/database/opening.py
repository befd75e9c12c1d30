"""How a database is opened, and the two ways to use it: to read, and to change.

SQLite needs no set-up: one writer at a time, readers beside it (WAL). PostgreSQL is for several processes or hosts. The
statements are the same on both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from codeopen.errors import DatabaseError

T = TypeVar("T")
_ATTEMPTS: Final = 4
_PAUSE: Final = 0.2  # seconds before the second attempt; doubled each time
_BUSY_MS: Final = 10_000  # how long a writer of SQLite waits for another
_POOL: Final = 20
_POOL_WAIT: Final = 10.0  # seconds
_TO_REPEAT: Final = frozenset(
    {"40001", "40P01", "57P01", "57P02", "57P03"}
)  # SQLSTATE: serialization, deadlock, stopping
_WRITES: Final = "codeopen_writes"


@dataclass(frozen=True, slots=True)
class Database:
    """An open database."""

    engine: Engine

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection whose statements see one state. Raises DatabaseError where the database doesn't answer."""
        try:
            with self.engine.connect() as connection:
                if not self.is_sqlite:  # there, each statement of a transaction may else see a state of its own
                    connection.execution_options(isolation_level="REPEATABLE READ")
                with connection.begin():
                    yield connection
        except (DBAPIError, PoolTimeoutError) as error:
            raise DatabaseError(_told(self.engine.url, error)) from error

    def change(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a transaction that is committed whole or not at all, and return what it returns.

        ``work`` runs again, at most three times, where the database says that the transaction was ended before its
        commit. It never runs again where the commit itself got no answer, because then it may be done: DatabaseError.
        """
        attempt = 1
        while True:
            committing = False
            try:
                with self.engine.execution_options(**{_WRITES: True}).connect() as connection:
                    transaction = connection.begin()
                    try:
                        result = work(connection)
                    except BaseException:
                        transaction.rollback()
                        raise
                    committing = True
                    transaction.commit()
                    return result
            except (DBAPIError, PoolTimeoutError) as error:
                if committing or attempt == _ATTEMPTS or not _is_passing(error):
                    raise DatabaseError(_told(self.engine.url, error)) from error
            time.sleep(_PAUSE * 2 ** (attempt - 1))
            attempt += 1

    def close(self) -> None:
        self.engine.dispose()


def open_database(text: str) -> Database:
    """The database of a URL: ``sqlite:///file`` or ``postgresql://user@host/name``. Raises DatabaseError.

    No connection is made yet; the folder of a SQLite file is.
    """
    url = _parse(text)
    if url.drivername != "sqlite":
        url = url.set(drivername="postgresql+psycopg")
        # Each use sees whether its connection still lives, so that a restart of the server costs no request.
        engine = create_engine(
            url, pool_pre_ping=True, pool_size=_POOL, max_overflow=0, pool_timeout=_POOL_WAIT, connect_args=_POSTGRES
        )
        return Database(engine)
    if not url.database or url.database == ":memory:":
        raise DatabaseError("database sqlite://: it needs a file; write sqlite:///codeopen.db")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, pool_size=_POOL, max_overflow=0, pool_timeout=_POOL_WAIT)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine)


def insert_once(connection: Connection, target: Table) -> PostgresInsert | SqliteInsert:
    """An INSERT that leaves rows whose key is there as they are."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(target).on_conflict_do_nothing()
    return sqlite.insert(target).on_conflict_do_nothing()


_POSTGRES: Final = {"connect_timeout": 5, "options": "-c lock_timeout=10s -c statement_timeout=60s"}


def _parse(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise DatabaseError(
            "the database's URL can't be read; write sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from None
    if url.drivername not in {"sqlite", "postgresql", "postgres", "postgresql+psycopg"}:
        raise DatabaseError(f"database {url.drivername}: only sqlite and postgresql are known")
    return url


def _set_up_sqlite(raw: Any, _record: object) -> None:
    raw.isolation_level = None  # the driver begins no transaction by itself: _begin_sqlite says which kind
    cursor = raw.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", f"busy_timeout={_BUSY_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its lock at once: one that reads first and then writes could be refused without a wait."""
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _is_passing(error: Exception) -> bool:
    """Whether the same work may succeed in a moment: the connection is lost, or somebody else was first."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    lost = error.connection_invalidated or (state is None and isinstance(error, OperationalError | InterfaceError))
    return lost or state in _TO_REPEAT


def _told(url: URL, error: Exception) -> str:
    cause = str(getattr(error, "orig", None) or error).strip().splitlines()
    return (
        f"database {url.render_as_string(hide_password=True)}: {cause[0] if cause else 'no answer'}; "
        "see that it runs and that its tables are there (`codeopen service upgrade`)"
    )
