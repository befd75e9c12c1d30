"""The HTTP API on both databases: the specification's requests, refusals, and what keeps owners apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.fernet import Fernet
from fastapi.testclient import TestClient
from sqlalchemy import select

from codeopen.model.catalog.read import read_catalog
from codeopen.model.selection.name import Release
from codeopen.service.access.tokens import Role, create_token
from codeopen.service.api.app import create_app
from codeopen.service.api.service import Service
from codeopen.service.api.wrapping import LARGEST_BODY
from codeopen.service.database.opening import Database
from codeopen.service.database.tables import METADATA, PROJECT_SECRETS
from codeopen.service.projects.rows import Act
from codeopen.service.projects.secret_values import open_secrets
from codeopen.service.projects.values import Caller
from codeopen.service.settings import ServiceSettings

CATALOG = read_catalog(Path(__file__).parents[2] / "catalog")
RELEASE = Release("localhost:5000", "codeopen", "0.0.2")
# The specification's examples, "Project Configuration", verbatim.
CREATE = """
{
  "name": "my-ml-project",
  "resourceTierId": "creator",
  "flavorId": "python",
  "addonIds": ["gpu", "code-server"]
}
"""
CHANGE = """
{
  "resourceTierId": "power",
  "addonIds": ["gpu", "gui", "code-server"]
}
"""


@pytest.fixture
def service(database: Database, tmp_path: Path) -> Service:
    settings = ServiceSettings(tmp_path / "key", stream_seconds=0.3, heartbeat_seconds=0.05)
    return Service(settings, database, CATALOG, RELEASE, "linux/amd64", Fernet(Fernet.generate_key()))


def token(service: Service, owner: str, role: Role = Role.MEMBER, expires: datetime | None = None) -> dict[str, str]:
    secret = service.database.change(
        lambda connection: create_token(Act(connection, Caller("test", None), service.clock()), owner, role, expires)
    )[1]
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    with TestClient(create_app(service), headers=token(service, "ann")) as client:
        yield client


def make(client: TestClient, **more: Any) -> dict[str, Any]:
    answer = client.post("/api/projects", json={"name": "one", "flavorId": "js", **more})
    assert answer.status_code == 202, answer.text
    made: dict[str, Any] = answer.json()
    return made


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"], body["status"]) == (status, code, status), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return body


def test_the_specification_s_requests(client: TestClient) -> None:
    answer = client.post("/api/projects", content=CREATE, headers={"Content-Type": "application/json"})
    project = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/api/projects/{project['id']}"
    assert {name: project[name] for name in json.loads(CREATE)} == json.loads(CREATE)
    assert project["image"] == "localhost:5000/codeopen/codeopen-python-code-gpu:0.0.2"
    assert (project["desiredState"], project["state"], project["generation"]) == ("running", "pending", 1)
    changed = client.patch(
        f"/api/projects/{project['id']}", content=CHANGE, headers={"Content-Type": "application/json"}
    )
    assert changed.status_code == 202
    assert {name: changed.json()[name] for name in json.loads(CHANGE)} == json.loads(CHANGE)
    assert (changed.json()["flavorId"], changed.json()["generation"]) == ("python", 2)
    assert [each["kind"] for each in changed.json()["operations"]] == ["update", "create"]


@pytest.mark.parametrize(
    ("kind", "entries"),
    [("resource-tiers", CATALOG.tiers), ("flavors", CATALOG.flavors), ("addons", CATALOG.addons)],
)
def test_the_catalog_is_listed_in_its_order_and_read_one_by_one(
    client: TestClient, kind: str, entries: dict[str, Any]
) -> None:
    rows = client.get(f"/api/{kind}").json()
    assert [row["id"] for row in rows] == sorted(entries, key=lambda name: entries[name].sort_order)
    for row in rows:
        answer = client.get(f"/api/{kind}/{row['id']}")
        assert answer.json() == row
        again = client.get(f"/api/{kind}/{row['id']}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert "did you mean" in refused(client.get(f"/api/{kind}/{rows[0]['id']}x"), 404, "no-such-entry")["detail"]


def test_the_columns_of_the_specification_are_the_fields(client: TestClient) -> None:
    for kind, table in (
        ("resource-tiers", "resource_tiers"),
        ("flavors", "container_flavors"),
        ("addons", "container_addons"),
    ):
        fields = set(client.get(f"/api/{kind}").json()[0]) - {"status"}
        columns = {column.name.replace("_", "") for column in METADATA.tables[table].columns}
        assert {name.lower() for name in fields} == columns


def test_what_goes_with_an_add_on(client: TestClient) -> None:
    answer = client.get("/api/addons/gpu/compatibility").json()
    assert (answer["compatible"], answer["requiresTier"], answer["tiers"]) == (True, "creator", ["creator", "power"])
    refusal = client.get("/api/addons/gpu/compatibility", params={"tier": "starter"}).json()
    assert refusal["compatible"] is False
    (reason,) = refusal["reasons"]
    assert (reason["code"], reason["field"]) == ("tier-too-low", "resourceTierId")
    assert "the cheapest change is 'creator', +$" in reason["remedy"]


def test_a_selection_that_can_t_be_had_is_told_with_every_reason(client: TestClient) -> None:
    body = {"resourceTierId": "starter", "flavorId": "pyton", "addonIds": ["gpu", "nothing"]}
    for path, more in (("/api/quote", {}), ("/api/projects", {"name": "one"})):
        found = refused(client.post(path, json={**body, **more}), 422, "selection-refused")["reasons"]
        assert [(each["code"], each["field"]) for each in found] == [
            ("unknown-flavor", "flavorId"),
            ("unknown-addon", "addonIds"),
            ("tier-too-low", "resourceTierId"),
        ]
    assert client.get("/api/projects").json() == {"items": [], "nextCursor": None}


def test_a_quote_is_priced_by_line_and_can_be_accepted(client: TestClient) -> None:
    body = {"resourceTierId": "creator", "flavorId": "python", "addonIds": ["gpu", "code-server"]}
    quote = client.post("/api/quote", json=body).json()
    assert sum(line["monthlyPriceCents"] for line in quote["lines"]) == quote["monthlyPriceCents"]
    assert [line["id"] for line in quote["lines"]] == ["creator", "gpu", "code-server"]
    assert {4096, 4097, 8080} <= {port["port"] for port in quote["ports"]}
    assert make(client, **body, quoteDigest=quote["digest"])["quoteDigest"] == quote["digest"]
    other = client.post("/api/projects", json={"name": "one", "flavorId": "js", "quoteDigest": quote["digest"]})
    refused(other, 409, "quote-changed")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "one", "resourceTier": "creator"}, "resourceTier"),
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a\x1b[31m"}, "name"),
        ({"name": "one", "addonIds": "gpu"}, "addonIds"),
        ({"name": "one", "flavorId": "../etc"}, "flavorId"),
        ({"name": "one", "gitUrl": "https://user:secret@host.example/x"}, "gitUrl"),
        ({"name": "one", "gitUrl": "file:///etc/passwd"}, "gitUrl"),
    ],
)
def test_wrong_fields_are_named(client: TestClient, body: dict[str, Any], field: str) -> None:
    found = refused(client.post("/api/projects", json=body), 422, "invalid-request")
    assert [each["field"] for each in found["reasons"]] == [field]
    assert "secret" not in json.dumps(found)


def test_other_wrong_requests_are_problems_too(client: TestClient) -> None:
    refused(client.get("/api/nothing"), 404, "no-such-route")
    wrong = client.put("/api/projects")
    refused(wrong, 405, "method-not-allowed")
    assert wrong.headers["allow"] == "GET, POST"
    refused(
        client.post("/api/projects", content="{", headers={"Content-Type": "application/json"}), 400, "malformed-body"
    )
    refused(client.post("/api/projects", content=b"x" * (LARGEST_BODY + 1)), 413, "body-too-large")
    refused(client.post("/api/projects", content=iter([b"x" * LARGEST_BODY, b"x"])), 413, "body-too-large")


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "%", "' OR 1=1 --", "é" * 40, "x" * 64])
def test_texts_that_a_database_may_refuse_are_no_failure(client: TestClient, text: str) -> None:
    path = quote(text, safe="", errors="surrogatepass")
    for answer in (
        client.get(f"/api/projects/{path}"),
        client.get(f"/api/projects?owner={path}&flavor={path}&addon={path}&cursor={path}"),
        client.get(f"/api/addons/{path}/compatibility"),
        client.get(f"/api/addons/gpu/compatibility?tier={path}&flavor={path}&addon={path}"),
        client.get("/api/flavors", headers={"Authorization": b"Bearer " + path.encode()}),
        client.post("/api/projects", content=json.dumps({"name": text, "flavorId": text})),
        client.put(f"/api/projects/{'0' * 26}/secrets/KEY", content=json.dumps({"value": text})),
    ):
        assert answer.status_code < 500, (answer.request.url, answer.text)


def test_only_a_token_that_holds_gets_in(service: Service) -> None:
    app = create_app(service)
    past = service.clock() - timedelta(seconds=1)
    with TestClient(app) as client:
        answers = [
            client.get("/api/flavors", headers=headers)
            for headers in (
                {"Authorization": "Bearer cot_nothing"},
                token(service, "ann", expires=past),
                {"Authorization": "Basic YTpi"},
                {},
            )
        ]
        for answer in answers:
            refused(answer, 401, "not-authenticated")
            assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answers[0].json() == answers[1].json()
        assert client.get("/healthz").text == "ok\n"
        assert client.get("/readyz").text == "ok\n"


def test_roles(service: Service) -> None:
    app = create_app(service)
    with TestClient(app, headers=token(service, "ann", Role.VIEWER)) as viewer:
        assert viewer.get("/api/projects").status_code == 200
        for method, path in (("POST", ""), ("PATCH", "/x"), ("DELETE", "/x"), ("POST", "/x/wake")):
            body = {"json": {"name": "one"}} if method in {"POST", "PATCH"} else {}
            refused(viewer.request(method, f"/api/projects{path}", **body), 403, "role-too-low")
        refused(viewer.get("/metrics"), 403, "role-too-low")
    with TestClient(app, headers=token(service, "root", Role.ADMIN)) as admin:
        admin.get("/api/projects/some-id")
        assert 'route="/api/projects/{id}",status="404"' in admin.get("/metrics").text


def test_without_a_token_only_programs_on_this_machine_get_in(service: Service) -> None:
    app = create_app(replace(service, settings=replace(service.settings, anonymous=True)))
    with TestClient(app, base_url="http://127.0.0.1:8090") as client:
        assert client.get("/api/projects").status_code == 200
        refused(client.get("/api/projects", headers={"Origin": "http://elsewhere.example"}), 403, "not-from-here")
        refused(client.get("/api/projects", headers={"Host": "elsewhere.example"}), 403, "not-from-here")


def test_a_token_may_ask_so_often_and_is_told_when_again(service: Service) -> None:
    app = create_app(replace(service, settings=replace(service.settings, rate="3/minute")))
    with TestClient(app) as client:
        ann, bob = token(service, "ann"), token(service, "bob")
        assert [client.get("/api/flavors", headers=ann).status_code for _ in range(4)] == [200, 200, 200, 429]
        answer = client.get("/api/flavors", headers=ann)
        refused(answer, 429, "too-many-requests")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert client.get("/api/flavors", headers=bob).status_code == 200


def test_a_key_gives_the_first_answer_again(client: TestClient) -> None:
    def send(name: str) -> Any:
        return client.post("/api/projects", json={"name": name}, headers={"Idempotency-Key": "k1"})

    first, again = send("one"), send("one")
    assert (first.content, first.headers["etag"]) == (again.content, again.headers["etag"])
    refused(send("two"), 422, "idempotency-key-reused")
    assert len(client.get("/api/projects").json()["items"]) == 1
    project = first.json()["id"]
    for _ in range(2):
        answer = client.post(f"/api/projects/{project}/hibernate", headers={"Idempotency-Key": "k2"})
        assert answer.json()["desiredState"] == "hibernated"
    refused(
        client.post(f"/api/projects/{project}/wake", headers={"Idempotency-Key": "k2"}), 422, "idempotency-key-reused"
    )


def test_a_change_from_an_old_version_is_refused(client: TestClient, service: Service) -> None:
    project = make(client)
    path = f"/api/projects/{project['id']}"
    tag = client.get(path).headers["etag"]
    assert client.patch(path, json={"name": "two"}, headers={"If-Match": tag}).status_code == 202
    for headers in ({"If-Match": tag}, {"If-Match": f"W/{client.get(path).headers['etag']}"}, {"If-Match": '"x"'}):
        refused(client.patch(path, json={"name": "three"}, headers=headers), 412, "version-changed")
        refused(client.delete(path, headers=headers), 412, "version-changed")
        refused(client.post(f"{path}/hibernate", headers=headers), 412, "version-changed")
    assert client.patch(path, json={"name": "three"}, headers={"If-Match": "*"}).json()["name"] == "three"
    strict = create_app(replace(service, settings=replace(service.settings, require_if_match=True)))
    with TestClient(strict, headers=dict(client.headers)) as other:
        refused(other.patch(path, json={"name": "four"}), 428, "if-match-required")
        refused(other.delete(path), 428, "if-match-required")
        assert other.delete(path, headers={"If-Match": other.get(path).headers["etag"]}).status_code == 202


def test_upgrade_and_rollback(client: TestClient, service: Service) -> None:
    project = make(client)
    path = f"/api/projects/{project['id']}"
    refused(client.post(f"{path}/upgrade"), 409, "image-is-current")
    refused(client.post(f"{path}/rollback"), 409, "nothing-to-roll-back")
    newer = create_app(replace(service, release=replace(RELEASE, version="0.0.3")))
    with TestClient(newer, headers=dict(client.headers)) as other:
        assert [each["id"] for each in other.get("/api/projects?superseded=true").json()["items"]] == [project["id"]]
        assert other.post(f"{path}/upgrade").json()["image"].endswith(":0.0.3")
        assert other.get("/api/projects?superseded=true").json()["items"] == []
        assert other.post(f"{path}/rollback").json()["image"] == project["image"]
        assert [each["kind"] for each in other.get(path).json()["operations"]] == ["rollback", "upgrade", "create"]


def test_lists_go_on_at_a_cursor(client: TestClient) -> None:
    made = [make(client, name=f"p{number}")["id"] for number in range(5)]
    found: list[str] = []
    cursor = ""
    while True:
        page = client.get("/api/projects", params={"limit": 2, "cursor": cursor}).json()
        found += [each["id"] for each in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = page["nextCursor"]
    assert sorted(found) == sorted(made)
    assert len(found) == 5
    refused(client.get("/api/projects", params={"unknown": 1}), 422, "invalid-request")


def test_events_are_streamed_and_resumed(client: TestClient) -> None:
    project = make(client)
    path = f"/api/projects/{project['id']}"
    client.post(f"{path}/hibernate")
    first = client.get(f"{path}/events")
    assert first.headers["content-type"].startswith("text/event-stream")
    ids = [line.removeprefix("id: ") for line in first.text.splitlines() if line.startswith("id: ")]
    assert [line for line in first.text.splitlines() if line.startswith("event: ")] == [
        "event: create-requested",
        "event: hibernate-requested",
    ]
    assert ": still here" in first.text
    rest = client.get(f"{path}/events", headers={"Last-Event-ID": ids[0]}).text
    assert f"id: {ids[0]}\n" not in rest
    assert f"id: {ids[1]}\n" in rest
    refused(client.get("/api/projects/none/events"), 404, "project-not-found")


def test_a_secret_is_written_and_in_nothing_that_can_be_read(client: TestClient, service: Service) -> None:
    project = make(client)["id"]
    for value in ("first-pa55", "second-pa55"):
        answer = client.put(f"/api/projects/{project}/secrets/API_KEY", json={"value": value})
        assert (answer.status_code, answer.content) == (204, b"")
    refused(client.put(f"/api/projects/{project}/secrets/api-key", json={"value": "x"}), 422, "invalid-request")
    with service.database.read() as connection:
        everything = [str(connection.execute(select(table)).all()) for table in METADATA.tables.values()]
        assert not any("pa55" in text for text in everything)
        assert connection.execute(select(PROJECT_SECRETS.c.name)).all() == [("API_KEY",)]
        act = Act(connection, Caller("worker", None), service.clock())
        assert open_secrets(act, service.key, project) == {"API_KEY": "second-pa55"}
    assert "pa55" not in client.get(f"/api/projects/{project}/events").text


def test_every_answer_has_an_id_and_closed_headers(client: TestClient) -> None:
    answer = client.get("/api/flavors", headers={"X-Request-Id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    assert len(client.get("/api/flavors", headers={"X-Request-Id": "a b"}).headers["x-request-id"]) == 26
    for each in (answer, client.get("/api/nothing"), client.get("/healthz")):
        assert each.headers["x-content-type-options"] == "nosniff"
        assert each.headers["content-security-policy"].startswith("default-src 'none'")
        assert "access-control-allow-origin" not in each.headers


def test_times_are_utc(client: TestClient) -> None:
    made = datetime.fromisoformat(make(client)["createdAt"])
    assert made.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - made) < timedelta(minutes=5)
