"""Locks between hosts: rows of a PostgreSQL database, whose clock alone decides when a lease runs out.

A guard holds its row for the length of a transaction, so a takeover waits; everything else is one short statement.
Connections are opened when they are needed and again when they break, within a limit.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, Final, LiteralString, TypeVar

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from codeopen.ondemand.lock import (
    DEFAULT_TIMING,
    EVENTS_KEPT,
    FORGOTTEN_AFTER_SECONDS,
    Failure,
    Lease,
    LeaseLostError,
    LockError,
    Process,
    Progress,
    Renewal,
    Timing,
    event_text,
    key_digest,
    shortened,
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

_LOOK: Final = """
SELECT owner IS NOT NULL AND expires > clock_timestamp(), coalesce(retry > clock_timestamp(), false), token, process
FROM {schema}.build_lock_1 WHERE key = %(key)s
"""
# Times and tokens are computed anew when the row is locked, after waiting for it; those of VALUES are from before.
_TAKE: Final = """
INSERT INTO {schema}.build_lock_1 AS held (key, token, owner, process, expires, changed)
VALUES (%(key)s, nextval({sequence}), %(owner)s, %(process)s, clock_timestamp() + %(lease)s, clock_timestamp())
ON CONFLICT (key) DO UPDATE
SET token = nextval({sequence}), owner = %(owner)s, process = %(process)s,
    expires = clock_timestamp() + %(lease)s, changed = clock_timestamp()
WHERE (held.owner IS NULL OR held.owner = %(owner)s OR held.expires <= clock_timestamp() OR held.token = %(gone)s)
    AND (held.retry IS NULL OR held.retry <= clock_timestamp())
RETURNING token
"""
_HELD: Final = "key = %(key)s AND token = %(token)s AND owner = %(owner)s"
_RENEW: Final = """
UPDATE {schema}.build_lock_1 SET expires = clock_timestamp() + %(lease)s, changed = clock_timestamp()
WHERE {held} RETURNING token
"""
_GUARD: Final = "SELECT token FROM {schema}.build_lock_1 WHERE {held} FOR UPDATE"
# The row's lock puts the events of several threads in order; what a follower read is never followed by a lower number.
_RECORD: Final = """
WITH held AS (
    UPDATE {schema}.build_lock_1 SET number = number + 1 WHERE {held} RETURNING number
), bound AS (
    DELETE FROM {schema}.build_event_1 USING held
    WHERE build_event_1.key = %(key)s AND build_event_1.number <= held.number - %(kept)s
)
INSERT INTO {schema}.build_event_1 (key, number, token, event)
SELECT %(key)s, number, %(token)s, %(event)s FROM held RETURNING number
"""
_SUCCEED: Final = """
UPDATE {schema}.build_lock_1
SET owner = NULL, failure = NULL, attempts = 0, retry = NULL, changed = clock_timestamp()
WHERE {held} RETURNING token
"""
_FAIL: Final = """
UPDATE {schema}.build_lock_1
SET owner = NULL, failure = %(failure)s, attempts = %(attempts)s, retry = clock_timestamp() + %(backoff)s,
    changed = clock_timestamp()
WHERE {held} RETURNING token
"""
_ATTEMPTS: Final = "SELECT attempts FROM {schema}.build_lock_1 WHERE {held}"
_FAILURE: Final = """
SELECT failure, attempts, extract(epoch FROM retry - clock_timestamp())::float8
FROM {schema}.build_lock_1 WHERE key = %(key)s AND failure IS NOT NULL AND retry > clock_timestamp()
"""
_FOLLOW: Final = """
SELECT number, token, event FROM (
    SELECT number, token, event FROM {schema}.build_event_1
    WHERE key = %(key)s AND number > %(after)s ORDER BY number DESC LIMIT %(kept)s
) AS last ORDER BY number
"""
_SWEEP: Final = """
DELETE FROM {schema}.build_lock_1 WHERE key IN (
    SELECT key FROM {schema}.build_lock_1
    WHERE changed < clock_timestamp() - %(age)s AND (owner IS NULL OR expires <= clock_timestamp())
    FOR UPDATE SKIP LOCKED
)
"""

# Bounds of each statement, and how soon the server ends the session, and with it the guard, of a host that is gone.
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
_SWEEP_SECONDS: Final = 3600
_SECRET_WORDS: Final = ("password", "sslpassword", "oauth_client_secret")
_WHAT_TO_DO: Final = "see that it runs and that address, login and rights are as they should be, then run again"

Connection = psycopg.Connection[tuple[Any, ...]]
Row = tuple[Any, ...]
T = TypeVar("T")


class PostgresLocks:
    """Locks in the database of ``dsn``, a connection string of libpq; the tables are made where they are missing."""

    def __init__(
        self,
        dsn: str,
        schema: str = "codeopen",
        timing: Timing = DEFAULT_TIMING,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._database = _Database(dsn, schema, pauses)
        self._timing = timing
        self._swept = float("-inf")

    def try_acquire(self, key: str) -> Lease | None:
        """A lease; ``None`` where somebody alive holds it, or its last failure's back-off lasts. Raises LockError."""
        name, step = key_digest(key), "taking the lock"
        found = self._database.row(step, _LOOK, {"key": name})
        held, backs_off, gone = (found[0], found[1], found[2]) if found else (False, False, 0)
        if backs_off or (held and found and not _is_gone(found[3])):
            return None
        self._sweep()
        owner = {"key": name, "owner": secrets.token_hex(8)}
        values = {"process": json.dumps(Process.current()), "lease": self._lease, "gone": gone if held else 0}
        try:
            taken = self._database.row(step, _TAKE, {**owner, **values}, waits=False)
        except errors.LockNotAvailable:
            return None  # its holder is in a guard
        return _PostgresLease(self._database, {**owner, "token": taken[0]}, self._timing, key) if taken else None

    def follow(self, key: str, after: int) -> Sequence[Progress]:
        """The events with numbers above ``after`` in order, at most the last EVENTS_KEPT. Raises LockError."""
        values = {"key": key_digest(key), "after": after, "kept": EVENTS_KEPT}
        rows = self._database.rows("reading the events", _FOLLOW, values)
        return [Progress(number, token, json.loads(event)) for number, token, event in rows]

    def failure(self, key: str) -> Failure | None:
        """The last failure, while its back-off lasts. Raises LockError."""
        found = self._database.row("reading the last failure", _FAILURE, {"key": key_digest(key)})
        return Failure(json.loads(found[0]), found[1], found[2]) if found else None

    def close(self) -> None:
        """Close the idle connections; those that are needed later are opened anew."""
        self._database.close()

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self._timing.lease_seconds)

    def _sweep(self) -> None:
        """Now and then, remove the keys with which nothing happened for a day."""
        if time.monotonic() - self._swept > _SWEEP_SECONDS:
            self._swept = time.monotonic()
            self._database.rows("removing old locks", _SWEEP, {"age": timedelta(seconds=FORGOTTEN_AFTER_SECONDS)})


class _PostgresLease:
    """``row`` says which row is held: key, token and owner."""

    def __init__(self, database: _Database, row: Mapping[str, Any], timing: Timing, key: str) -> None:
        self._database = database
        self._row = {**row, "lease": timedelta(seconds=timing.lease_seconds)}
        self._timing = timing
        self._key = key
        self._mutex = threading.RLock()
        self._guarding: Connection | None = None
        self._ended = False
        self._renewal = Renewal(self._renew, timing.renewal_seconds)

    @property
    def token(self) -> int:
        token: int = self._row["token"]
        return token

    def record(self, event: Mapping[str, Any]) -> None:
        values = {"event": event_text(event), "kept": EVENTS_KEPT}
        if self._change("recording an event", _RECORD, values) is None:
            raise LeaseLostError(self._key)

    @contextmanager
    def guard(self) -> Iterator[None]:
        with self._mutex:
            if self._guarding is not None:
                yield
                return
            connection = self._database.begin("taking the guard", _GUARD, self._row)
            if connection is None:
                raise LeaseLostError(self._key)
            self._guarding = connection
            try:
                yield
            except BaseException:
                self._database.roll_back(connection)
                raise
            else:
                self._commit(connection)
            finally:
                self._guarding = None

    def succeed(self) -> None:
        self._end("giving the lock back", _SUCCEED, {})

    def fail(self, message: str) -> None:
        step = "remembering the failure"
        found = self._change(step, _ATTEMPTS, {})
        attempts = found[0] + 1 if found else 1
        backoff = timedelta(seconds=self._timing.backoff_seconds(attempts))
        self._end(step, _FAIL, {"failure": json.dumps(shortened(message)), "attempts": attempts, "backoff": backoff})

    def _end(self, step: str, statement: LiteralString, values: Mapping[str, Any]) -> None:
        self._renewal.stop()
        self._change(step, statement, values)  # no row: it is another's by now
        self._ended = True

    def _renew(self) -> bool:
        return self._change("renewing the lease", _RENEW, {}) is not None

    def _change(self, step: str, statement: LiteralString, values: Mapping[str, Any]) -> Row | None:
        """The row that a statement returns, within the guard's transaction where there is one."""
        with self._mutex:
            return self._database.row(step, statement, {**self._row, **values}, connection=self._guarding)

    def _commit(self, connection: Connection) -> None:
        """End the guard. A broken connection freed the row, so another may have taken it in the meantime."""
        try:
            kept = self._database.execute(connection, _RENEW, self._row).fetchone()
            connection.execute("COMMIT")
        except psycopg.Error as error:
            self._database.drop(connection)
            why = f"the connection to {self._database.place} broke while it was writing"
            raise LeaseLostError(self._key, why) from self._database.error("ending the guard", error)
        self._database.give_back(connection)
        if kept is None and not self._ended:
            raise LeaseLostError(self._key, f"{self._database.place} was changed by hand while it was writing")


class _Database:
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


def _is_gone(process: str) -> bool:
    """Whether a holder is known to be dead: for one of this host, at once."""
    try:
        return Process(*json.loads(process)).is_gone()
    except (ValueError, TypeError, OverflowError):
        return False
