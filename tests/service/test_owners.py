"""Two owners: whatever one asks of the other's project, the answer is that of a project that isn't there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.fernet import Fernet
from fastapi.testclient import TestClient
from sqlalchemy import select

from codeopen.model.catalog.read import read_catalog
from codeopen.model.selection.name import Release
from codeopen.service.access.tokens import Role, create_token
from codeopen.service.api.app import create_app
from codeopen.service.api.service import Service
from codeopen.service.database.opening import Database
from codeopen.service.database.tables import METADATA
from codeopen.service.identity import new_id, utc_now
from codeopen.service.projects.rows import Act
from codeopen.service.projects.values import Caller
from codeopen.service.settings import ServiceSettings

CATALOG = read_catalog(Path(__file__).parents[2] / "catalog")
REQUESTS = 200
BODIES: dict[str, list[dict[str, Any]]] = {
    "changeProject": [{"name": "mine"}, {"flavorId": "go"}, {"resourceTierId": "power", "addonIds": ["gui"]}, {}],
    "putProjectSecret": [{"value": "x"}, {"value": ""}],
}
HEADERS: list[dict[str, str]] = [
    {},
    {"If-Match": '"1"'},
    {"If-Match": "*"},
    {"If-Match": '"9"'},
    {"Idempotency-Key": "k"},
    {"Last-Event-ID": "0"},
]


@pytest.fixture
def clients(database: Database, tmp_path: Path) -> Iterator[tuple[TestClient, TestClient]]:
    settings = ServiceSettings(tmp_path / "key", stream_seconds=0.05, rate="100000/second")
    release = Release("localhost:5000", "codeopen", "0.0.2")
    app = create_app(Service(settings, database, CATALOG, release, "linux/amd64", Fernet(Fernet.generate_key())))

    def headers(owner: str) -> dict[str, str]:
        made = database.change(
            lambda connection: create_token(Act(connection, Caller("test", None), utc_now()), owner, Role.MEMBER, None)
        )
        return {"Authorization": f"Bearer {made[1]}"}

    with TestClient(app, headers=headers("ann")) as ann, TestClient(app, headers=headers("bob")) as bob:
        yield ann, bob


def routes(client: TestClient) -> list[tuple[str, str, str]]:
    """Every operation on one project: its id, method and path."""
    document = client.get("/openapi.json").json()
    return [
        (operation["operationId"], method.upper(), path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/api/projects/{id}")
    ]


def content(database: Database, owner: str) -> str:
    """All rows but those of the owner who asks: keys and tokens of their own may be written."""
    with database.read() as connection:
        rows = {
            name: [row for row in map(str, connection.execute(select(table))) if f"'{owner}'" not in row]
            for name, table in METADATA.tables.items()
        }
    return json.dumps(rows, sort_keys=True)


def told(answer: Any, project: str) -> tuple[Any, ...]:
    """An answer without what differs between any two."""
    headers = {name: value for name, value in answer.headers.items() if name not in {"x-request-id", "date"}}
    return answer.status_code, headers, re.sub(project, "ID", answer.text)


@pytest.mark.parametrize("seed", [1, 2])
def test_another_s_project_is_one_that_is_not_there(
    clients: tuple[TestClient, TestClient], database: Database, seed: int
) -> None:
    ann, bob = clients
    operations = routes(ann)
    assert len(operations) >= 9
    random = Random(seed)  # noqa: S311 - a test's choice
    for asking, owner, other in ((ann, "ann", bob), (bob, "bob", ann)):
        project = other.post("/api/projects", json={"name": f"not of {owner}", "flavorId": "js"}).json()["id"]
        other.post(f"/api/projects/{project}/hibernate")
        before = content(database, owner)
        for number in range(REQUESTS):
            name, method, path = random.choice(operations)
            nobody = new_id(utc_now())
            body: dict[str, Any] = {"json": random.choice(BODIES[name])} if name in BODIES else {}
            headers = random.choice(HEADERS)
            if "Idempotency-Key" in headers:
                headers = {"Idempotency-Key": f"k{number}"}
            query = {"data": random.choice(["keep", "delete"])} if name == "deleteProject" else {}

            def ask(identifier: str) -> Any:
                url = path.replace("{id}", identifier).replace("{name}", "KEY")  # noqa: B023 - it runs at once
                return asking.request(method, url, headers=headers, params=query, **body)  # noqa: B023

            found, missing = ask(project), ask(nobody)
            assert told(found, project) == told(missing, nobody), (name, headers, body)
            assert found.status_code == 404, (name, found.text)
        assert content(database, owner) == before
        assert project not in asking.get("/api/projects", params={"limit": 200, "owner": ""}).text
        assert f"not of {owner}" not in asking.get("/api/projects").text
