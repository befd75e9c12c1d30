"""Locks in a real PostgreSQL server, which these tests start in a folder of their own and end."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from psycopg import sql

from codeopen.images.locks.lock import LeaseLostError, LockError
from codeopen.images.locks.postgres_lock import PostgresLocks
from tests.postgres import PASSWORD, Server, running_server
from tests.unit.images.locks.lock_contract import (
    KEY,
    LONG,
    SHORT,
    LockContract,
    Opening,
    Start,
    held,
    numbers,
    start,
    write,
)
from tests.unit.images.locks.stand_in_holder import acquire

__all__ = ["start"]

FEW = (0.0, 0.05)
SCHEMAS = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as server:
        yield server


@pytest.fixture
def opening(server: Server) -> Opening:
    """Tables of its own for each test, which are not there yet."""
    return {"dsn": server.dsn, "schema": f'a "schema" {next(SCHEMAS)}', "lease": LONG}


@pytest.fixture
def locks(opening: Opening) -> Iterator[PostgresLocks]:
    locks = PostgresLocks(opening["dsn"], opening["schema"])
    yield locks
    locks.close()


class TestPostgresLocks(LockContract):
    @pytest.fixture(autouse=True)
    def _known(self, server: Server) -> None:
        self.server = server

    def count_stored(self, opening: Opening) -> int:
        count = self.server.run("SELECT count(*) FROM build_event_1", opening["schema"])
        assert isinstance(count, int)
        return count


def test_a_server_that_restarts_in_the_middle_costs_nobody_the_lock(server: Server, locks: PostgresLocks) -> None:
    lease = held(locks)
    lease.record({"a": 1})
    server.stop()
    threading.Timer(0.3, server.start).start()
    lease.record({"a": 2})
    write(lease)
    assert locks.try_acquire(KEY) is None
    assert numbers(locks) == [1, 2]
    lease.succeed()
    held(locks).succeed()


@pytest.mark.parametrize("way", ["end the session", "crash the server"])
def test_a_guard_whose_connection_is_cut_never_ends_well(server: Server, locks: PostgresLocks, way: str) -> None:
    lease = held(locks)
    with pytest.raises(LeaseLostError, match=r"127.0.0.1:\d+ broke while it was writing"), lease.guard():
        cut(server, way)
    # Nobody took it over: it may be given back, and the next one begins at once.
    lease.fail("the guard broke")
    failure = locks.failure(KEY)
    assert failure is not None
    assert failure.message == "the guard broke"


def cut(server: Server, way: str) -> None:
    if way == "end the session":
        server.terminate_guards()
    else:
        server.stop(signal.SIGQUIT)
        server.start()


def test_who_took_over_after_a_guard_was_cut_keeps_it(server: Server, opening: Opening, start: Start) -> None:
    opening |= {"lease": SHORT}
    other, locks = start(opening), PostgresLocks(opening["dsn"], opening["schema"])
    other.do("acquire", 5)
    other.do("enter")
    other.signal(signal.SIGSTOP)
    server.terminate_guards()
    lease = acquire(locks, KEY, 2 * SHORT)
    other.signal(signal.SIGCONT)
    assert other.do("leave")[0] == "LeaseLostError"
    assert other.do("write")[0] == "LeaseLostError"
    write(lease)
    lease.succeed()


def test_an_idle_connection_that_was_cut_is_opened_again(server: Server, locks: PostgresLocks) -> None:
    lease = held(locks)
    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'codeopen'")
    lease.record({"a": 1})
    assert numbers(locks) == [1]
    lease.succeed()


def test_an_outage_is_one_error_of_host_and_step_without_the_password(server: Server, opening: Opening) -> None:
    locks = PostgresLocks(opening["dsn"], opening["schema"], pauses=FEW)
    lease = held(locks)
    server.stop()
    calls: dict[str, Callable[[], object]] = {
        "taking the lock": lambda: locks.try_acquire("other"),
        "taking the guard": lambda: write(lease),
        "recording an event": lambda: lease.record({}),
        "reading the events": lambda: locks.follow(KEY, 0),
        "reading the last failure": lambda: locks.failure(KEY),
        "giving the lock back": lease.succeed,
    }
    try:
        for step, call in calls.items():
            with pytest.raises(LockError) as caught:
                call()
            text = str(caught.value)
            assert text.startswith(f"PostgreSQL at 127.0.0.1:{server.port}: {step}: ")
            assert "see that it runs" in text
            assert PASSWORD not in text
            assert caught.value.__suppress_context__
    finally:
        server.start()
    assert locks.try_acquire(KEY) is None  # its lease still lasts


def test_no_secret_is_in_an_error(server: Server) -> None:
    wrong = server.dsn.replace("pa55", "secret")
    for dsn in (wrong, f"password=secret {server.socket} dbname=secret"):
        with pytest.raises(LockError) as caught:
            PostgresLocks(dsn, pauses=FEW).try_acquire(KEY)
        assert "secret" not in str(caught.value)
    for dsn in ("postgres://u:secret@h:port:port/%%", "secret", "password='secret", "nothing=secret"):
        with pytest.raises(LockError, match="write it as postgresql://") as caught:
            PostgresLocks(dsn)
        assert "secret" not in str(caught.value)


def test_a_socket_does_as_well_as_tcp(server: Server, opening: Opening) -> None:
    locks = PostgresLocks(server.socket, opening["schema"])
    lease = held(locks)
    write(lease)
    lease.succeed()
    locks.close()


def test_a_role_that_may_make_no_tables_uses_those_that_are_there(server: Server, opening: Opening) -> None:
    server.run("CREATE ROLE plain LOGIN PASSWORD 'plain'")
    dsn = f"postgresql://plain:plain@127.0.0.1:{server.port}/postgres"
    with pytest.raises(LockError, match="taking the lock: permission denied for database postgres; see that"):
        PostgresLocks(dsn, opening["schema"]).try_acquire(KEY)
    held(PostgresLocks(opening["dsn"], opening["schema"])).succeed()
    schema = sql.Identifier(opening["schema"]).as_string()
    server.run(f"GRANT USAGE ON SCHEMA {schema} TO plain")
    server.run(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO plain")
    server.run(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO plain")
    held(PostgresLocks(dsn, opening["schema"])).succeed()


def test_a_forked_child_has_connections_of_its_own(opening: Opening, start: Start) -> None:
    other = start(opening)
    other.do("acquire", 5)
    other.do("record", {"before": "the fork"})
    assert other.do("fork_and_follow") >= 1
    assert numbers(PostgresLocks(opening["dsn"], opening["schema"])) == list(range(1, 22))


def test_what_nothing_happened_with_for_a_day_is_removed(
    server: Server, opening: Opening, locks: PostgresLocks
) -> None:
    first = held(locks)
    first.record({"a": 1})
    first.succeed()
    holding = held(locks, "held")
    server.run("UPDATE build_lock_1 SET changed = clock_timestamp() - interval '2 days'", opening["schema"])
    held(PostgresLocks(opening["dsn"], opening["schema"]), "another").succeed()
    assert server.run("SELECT count(*) FROM build_lock_1", opening["schema"]) == 2
    assert server.run("SELECT count(*) FROM build_event_1", opening["schema"]) == 0
    write(holding)
    assert held(locks).token > first.token
    with pytest.raises(LeaseLostError):
        write(first)


def test_idle_connections_are_few(server: Server, opening: Opening) -> None:
    locks = PostgresLocks(f"{server.dsn}?application_name=few", opening["schema"])
    lease = held(locks)
    threads = [threading.Thread(target=lambda: locks.follow(KEY, 0)) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    open_now = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'few'"
    deadline = time.monotonic() + 5
    while (count := server.run(open_now)) not in range(5) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert count in range(5)
    lease.succeed()
    locks.close()
