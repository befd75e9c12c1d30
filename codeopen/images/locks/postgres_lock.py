"""Locks between hosts: rows of a PostgreSQL database, whose clock alone decides when a lease runs out.

A guard holds its row for the length of a transaction, so a takeover waits; everything else is one short statement.
Connections are opened when they are needed and again when they break, within a limit.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, LiteralString

import psycopg
from psycopg import errors

from codeopen.images.locks.lock import (
    DEFAULT_TIMING,
    EVENTS_KEPT,
    FORGOTTEN_AFTER_SECONDS,
    Failure,
    Lease,
    LeaseLostError,
    Process,
    Progress,
    Renewal,
    Timing,
    event_text,
    key_digest,
    shortened,
)
from codeopen.images.locks.lock_database import PAUSES, Connection, Database, Row

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
_SWEEP_SECONDS: Final = 3600


class PostgresLocks:
    """Locks in the database of ``dsn``, a connection string of libpq; the tables are made where they are missing."""

    def __init__(
        self,
        dsn: str,
        schema: str = "codeopen",
        timing: Timing = DEFAULT_TIMING,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._database = Database(dsn, schema, pauses)
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

    def __init__(self, database: Database, row: Mapping[str, Any], timing: Timing, key: str) -> None:
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


def _is_gone(process: str) -> bool:
    """Whether a holder is known to be dead: for one of this host, at once."""
    try:
        return Process(*json.loads(process)).is_gone()
    except (ValueError, TypeError, OverflowError):
        return False
