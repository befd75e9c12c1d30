"""The database that locks between hosts are kept in: its tables, and statements that outlast a lost connection."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, LiteralString, TypeVar

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from codeopen.images.locks.lock import (
    LockError,
)

# The number in the names is the version of the tables: another one gets tables of its own. Events and messages are JSON
# as text, because text of PostgreSQL can't hold every character of a log.
TABLES: Final = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = {name}) THEN CREATE SCHEMA {schema}; END IF;
END $$;
CREATE SEQUENCE {schema}.build_token_1;
CREATE TABLE {schema}.build_lock_1 (
    key text PRIMARY KEY,
    token bigint NOT NULL,
    owner text,
    process text NOT NULL,
    expires timestamptz NOT NULL,
    number bigint NOT NULL DEFAULT 0,
    failure text,
    attempts integer NOT NULL DEFAULT 0,
    retry timestamptz,
    changed timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE {schema}.build_event_1 (
    key text NOT NULL REFERENCES {schema}.build_lock_1 ON DELETE CASCADE,
    number bigint NOT NULL,
    token bigint NOT NULL,
    event text NOT NULL,
    PRIMARY KEY (key, number)
);
"""
# A query, not to_regclass: that one answers from a cache, which may be older than the lock that was waited for.
_TABLES_FOUND: Final = "SELECT 1 FROM pg_tables WHERE schemaname = {name} AND tablename = 'build_event_1'"
_TABLES_LOCK: Final = 7_263_516_001  # any number that is nobody else's in the database
_HELD: Final = "key = %(key)s AND token = %(token)s AND owner = %(owner)s"
_OPTIONS: Final = (
    "-c statement_timeout=10s -c lock_timeout=1s -c idle_in_transaction_session_timeout=0"
    " -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
    r" -c default_transaction_isolation=read\ committed"
)
_CLIENT: Final = {"connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
_CLIENT_ENDS_AFTER_MILLISECONDS: Final = 12_000
# Before each try of a statement: long enough for a server that restarts.
PAUSES: Final = (0.0, 0.1, 0.3, 1.0, 2.0)
_IDLE_CONNECTIONS: Final = 4
_SECRET_WORDS: Final = ("password", "sslpassword", "oauth_client_secret")
_WHAT_TO_DO: Final = "see that it runs and that address, login and rights are as they should be, then run again"

Connection = psycopg.Connection[tuple[Any, ...]]
Row = tuple[Any, ...]
T = TypeVar("T")


class Database:
    """Statements in a database, each on a connection of its own thread while it lasts. Keeps secrets out of errors."""

    def __init__(self, dsn: str, schema: str, pauses: Sequence[float]) -> None:
        parameters = _read_dsn(dsn)
        self._pauses = pauses
        self.place = _place(parameters)
        self._secrets = [str(parameters[word]) for word in _SECRET_WORDS if parameters.get(word)]
        self._conninfo = make_conninfo(
            **{
                "application_name": "codeopen",
                "tcp_user_timeout": _CLIENT_ENDS_AFTER_MILLISECONDS,
                **_CLIENT,
                **parameters,
                "options": f"{parameters.get('options') or ''} {_OPTIONS}".strip(),
            }
        )
        self._names: dict[str, sql.Composable] = {
            "schema": sql.Identifier(schema),
            "held": sql.SQL(_HELD),
            "name": sql.Literal(schema),
            "sequence": sql.Literal(sql.Identifier(schema, "build_token_1").as_string()),
        }
        self._statements: dict[str, bytes] = {}
        self._prepared = False
        self._idle: list[Connection] = []
        self._start_pool()

    def row(
        self,
        step: str,
        statement: LiteralString,
        values: Mapping[str, Any],
        *,
        waits: bool = True,
        connection: Connection | None = None,
    ) -> Row | None:
        """The first row of an answer. ``connection`` is that of a transaction, which is not tried again."""
        if connection is None:
            return next(iter(self.rows(step, statement, values, waits=waits)), None)
        try:
            return self.execute(connection, statement, values).fetchone()
        except psycopg.Error as error:
            raise self.error(step, error) from None

    def rows(
        self, step: str, statement: LiteralString, values: Mapping[str, Any], *, waits: bool = True
    ) -> Sequence[Row]:
        """All rows of an answer. Raises LockError; without ``waits`` LockNotAvailable for a row that is held long."""

        def work(connection: Connection) -> Sequence[Row]:
            cursor = self.execute(connection, statement, values)
            rows = cursor.fetchall() if cursor.description else []
            self.give_back(connection)
            return rows

        return self._try(step, work, waits=waits)

    def begin(self, step: str, statement: LiteralString, values: Mapping[str, Any]) -> Connection | None:
        """The connection of a new transaction in which a statement has answered with a row; ``None`` without one."""

        def work(connection: Connection) -> Connection | None:
            connection.execute("BEGIN")
            if self.execute(connection, statement, values).fetchone() is not None:
                return connection
            self.roll_back(connection)
            return None

        return self._try(step, work)

    def execute(
        self, connection: Connection, statement: LiteralString, values: Mapping[str, Any] | None
    ) -> psycopg.Cursor[Row]:
        """Run a statement with the names of this schema filled in. Raises psycopg's errors."""
        text = self._statements.get(statement)
        if text is None:
            text = self._statements[statement] = sql.SQL(statement).format(**self._names).as_bytes()
        return connection.execute(text, values)

    def _try(self, step: str, work: Callable[[Connection], T], *, waits: bool = True) -> T:
        """Do some work, again on another connection where that one broke. Raises LockError."""
        failed: psycopg.Error | None = None
        for pause in self._pauses:
            time.sleep(pause)
            try:
                return self._work(work)
            except errors.LockNotAvailable as error:
                if not waits:
                    raise
                failed = error
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                failed = error
                self.close()  # what broke this connection has broken the idle ones too
            except psycopg.Error as error:
                raise self.error(step, error) from None
        raise self.error(step, failed) from None

    def _work(self, work: Callable[[Connection], T]) -> T:
        connection = self._borrow()
        try:
            return work(connection)
        except BaseException:
            self.drop(connection)
            raise

    def _borrow(self) -> Connection:
        if self._process != os.getpid():
            self._start_pool()  # a forked child must not speak on its parent's connections
        with self._mutex:
            if self._idle:
                return self._idle.pop()
        connection = psycopg.connect(self._conninfo, autocommit=True)
        try:
            self._prepare(connection)
        except BaseException:
            self.drop(connection)
            raise
        return connection

    def _prepare(self, connection: Connection) -> None:
        """Make the tables where they are missing, once for all processes that ask for them at the same time."""
        if not self._prepared and not self._has_tables(connection):
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [_TABLES_LOCK])
                if not self._has_tables(connection):
                    self.execute(connection, TABLES, None)
        self._prepared = True

    def _has_tables(self, connection: Connection) -> bool:
        return self.execute(connection, _TABLES_FOUND, None).fetchone() is not None

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next statement."""
        with self._mutex:
            if len(self._idle) < _IDLE_CONNECTIONS and not connection.closed:
                self._idle.append(connection)
                return
        self.drop(connection)

    def roll_back(self, connection: Connection) -> None:
        """End a transaction without its changes; its connection goes where that fails."""
        try:
            connection.execute("ROLLBACK")
        except psycopg.Error:
            self.drop(connection)
        else:
            self.give_back(connection)

    @staticmethod
    def drop(connection: Connection) -> None:
        """Close a connection that may be broken."""
        with suppress(psycopg.Error):
            connection.close()

    def close(self) -> None:
        """Close the idle connections."""
        with self._mutex:
            idle, self._idle = self._idle, []
        for connection in idle:
            self.drop(connection)

    def _start_pool(self) -> None:
        self._process = os.getpid()
        self._mutex = threading.Lock()
        self._idle = []

    def error(self, step: str, error: psycopg.Error | None) -> LockError:
        """What went wrong in one line, with neither the connection string nor the values of a statement."""
        reason = (error.diag.message_primary or str(error) or type(error).__name__) if error else "no answer"
        for secret in self._secrets:
            reason = reason.replace(secret, "***")
        return LockError(f"{self.place}: {step}: {' '.join(reason.split())}; {_WHAT_TO_DO}")


def _read_dsn(dsn: str) -> dict[str, Any]:
    try:
        return dict(conninfo_to_dict(dsn))
    except psycopg.Error:
        # What libpq says of it repeats it, with its password.
        text = "the lock database's connection string can't be read; write it as postgresql://user@host:5432/database"
        raise LockError(text) from None


def _place(parameters: Mapping[str, Any]) -> str:
    host = parameters.get("host") or parameters.get("hostaddr") or os.environ.get("PGHOST") or "the local socket"
    return f"PostgreSQL at {host}:{parameters.get('port') or os.environ.get('PGPORT') or 5432}"
