"""Many clients write while the service or its database is killed: nothing is lost, doubled, or over a quota."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random

import httpx
import pytest
from sqlalchemy import func, select

from codeopen.service.access.tokens import Role, create_token
from codeopen.service.database.opening import Database
from codeopen.service.database.tables import PROJECT_RECORDS
from codeopen.service.identity import utc_now
from codeopen.service.projects import store
from codeopen.service.projects.rows import Act
from codeopen.service.projects.values import Caller
from codeopen.service.settings import DEFAULT_QUOTA
from tests.postgres import Server
from tests.service.processes import Process, environment, served

CLIENTS = 64
QUOTA = replace(DEFAULT_QUOTA, projects=6)
OWNERS = ("ann", "bob", "cid", "dee")
ATTEMPTS = 600  # of one request, 0.2 s apart: longer than a restart takes on a busy machine


@dataclass
class Seen:
    """What clients were answered, by their keys."""

    made: dict[str, str] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    failed: int = 0
    wrong: list[str] = field(default_factory=list)


def _send(client: httpx.Client, seen: Seen, method: str, path: str, key: str) -> httpx.Response:
    """One request, sent again with the same key until it has an answer that is not the service's own failure."""
    for _ in range(ATTEMPTS):
        try:
            body = {"name": key, "flavorId": "js"} if path == "/api/projects" else None
            answer = client.request(method, path, headers={"Idempotency-Key": key}, json=body)
        except httpx.TransportError:
            pass
        else:
            seen.statuses[answer.status_code] += 1
            if answer.status_code < 500:
                return answer
            if answer.headers["content-type"] != "application/problem+json" or answer.status_code != 503:
                seen.wrong.append(answer.text)
        seen.failed += 1
        time.sleep(0.2)
    raise AssertionError(f"{method} {path} had no answer")


def _work(number: int, url: str, token: str, over: threading.Event, seen: Seen) -> None:
    random = Random(number)  # noqa: S311 - a test's choice
    mine: list[str] = []
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=20) as client:
        step = 0
        while not over.is_set():
            step += 1
            key = f"{number}-{step}"
            if mine and random.random() < 0.3:
                answer = _send(client, seen, "DELETE", f"/api/projects/{mine.pop()}", key)
                assert answer.status_code == 202, answer.text
                continue
            answer = _send(client, seen, "POST", "/api/projects", key)
            assert answer.status_code in {202, 403}, answer.text
            if answer.status_code == 202:
                seen.made[key] = answer.json()["id"]
                mine.append(seen.made[key])


def _watch(database: Database, over: threading.Event, most: Counter[str]) -> None:
    """The most projects that an owner has at any time."""
    record = PROJECT_RECORDS.c
    query = select(record.owner, func.count()).where(record.desired_state != "deleted").group_by(record.owner)
    while not over.wait(0.2):
        try:
            with database.read() as connection:
                for owner, count in connection.execute(query):
                    most[owner] = max(most[owner], count)
        except Exception as error:  # noqa: BLE001 - it is down for a moment, as it should be
            assert "Database" in type(error).__name__ or "Operational" in type(error).__name__  # noqa: PT017


def _break(kind: str, service: Process, postgres: Callable[[], Server]) -> None:
    """Kill what keeps the data: PostgreSQL's processes, or with SQLite the service itself."""
    if kind == "sqlite":
        service.end(signal.SIGKILL)
        service.start()
    else:
        server = postgres()
        server.stop(signal.SIGQUIT)
        server.start()


def _run(kind: str, database: Database, folder: Path, postgres: Callable[[], Server], seconds: float) -> None:
    def token(owner: str) -> str:
        return database.change(
            lambda connection: create_token(Act(connection, Caller("test", None), utc_now()), owner, Role.MEMBER, None)
        )[1]

    tokens = [token(owner) for owner in OWNERS]
    for owner in OWNERS:
        database.change(partial(store.set_quota, owner=owner, quota=QUOTA))
    seen, most, over = Seen(), Counter[str](), threading.Event()
    watcher = threading.Thread(target=_watch, args=(database, over, most))
    with served(environment(folder, database), folder, "--rate", "100000/second") as service:
        watcher.start()
        with ThreadPoolExecutor(CLIENTS) as workers:
            running = [
                workers.submit(_work, number, service.url, tokens[number % len(tokens)], over, seen)
                for number in range(CLIENTS)
            ]
            try:
                time.sleep(seconds / 2)
                _break(kind, service, postgres)
                before = seen.statuses.total()
                time.sleep(seconds / 2)
            finally:
                over.set()
            for each in running:
                each.result()
        watcher.join()
    assert seen.wrong == []
    assert 0 < before < seen.statuses.total(), "it was broken on the way"
    if kind == "sqlite":  # PostgreSQL's restart may cost no request: the service tries again
        assert seen.failed > 0
    with database.read() as connection:
        there = connection.scalars(select(PROJECT_RECORDS.c.project_id)).all()
    assert sorted(seen.made.values()) == sorted(there), "each key that was accepted made one project"
    assert max(most.values()) == QUOTA.projects, most
    assert seen.statuses[403] > 0, "the quota was reached"


def test_nothing_is_lost(kind: str, database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    _run(kind, database, tmp_path, lambda: request.getfixturevalue("postgres"), 6)


@pytest.mark.heavy
def test_nothing_is_lost_in_a_minute(
    kind: str, database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    _run(kind, database, tmp_path, lambda: request.getfixturevalue("postgres"), 60)
