"""Projects in a database: what is asked for, what is refused, and what many callers at once can't break."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, func, select

from codeopen.errors import RefusedError
from codeopen.service.database.opening import Database
from codeopen.service.database.tables import AUDIT_ENTRIES, EVENTS, IDEMPOTENCY_KEYS, PROJECT_RECORDS
from codeopen.service.projects import store
from codeopen.service.projects.idempotency import KEPT, Answer, once
from codeopen.service.projects.rows import Act, events_after, find_project, list_operations
from codeopen.service.projects.store import Change
from codeopen.service.projects.values import (
    Caller,
    Chosen,
    Desired,
    NewProject,
    OperationKind,
    Project,
    ProjectFilter,
    Quota,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ANN = Caller("token ann", "ann", "request-1")
BOB = Caller("token bob", "bob")
ADMIN = Caller("token admin", None)
SMALL = Chosen("starter", "js", (), "host/codeopen/codeopen-js:0.0.2", 1000, 2 << 30, 0, 0)
LARGE = Chosen(
    "creator", "python", ("gpu", "gui"), "host/codeopen/codeopen-python-gpu-gui:0.0.2", 4000, 8 << 30, 1, 4500
)
QUOTA = Quota(projects=3, cpu_millis=9000, memory_bytes=64 << 30, gpus=1, price_cents=10_000)


def create(database: Database, caller: Caller = ANN, chosen: Chosen = SMALL, name: str = "one") -> Project:
    owner = caller.owner or "admin"
    return database.change(
        lambda connection: store.create_project(Act(connection, caller, NOW), owner, NewProject(name, chosen), QUOTA)
    )


def test_a_project_is_asked_for_with_an_event_and_an_audit_entry(database: Database) -> None:
    project = create(database, chosen=LARGE)
    assert (project.chosen, project.generation, project.observed_generation) == (LARGE, 1, 0)
    with database.read() as connection:
        assert find_project(connection, ANN, project.id) == project
        (operation,) = list_operations(connection, project.id)
        assert (operation.kind, operation.state, operation.requested_by) == (
            OperationKind.CREATE,
            "queued",
            "token ann",
        )
        (event,) = events_after(connection, project.id, 0, 10)
        assert (event.kind, event.data["operation"]) == ("create-requested", operation.id)
        entry = connection.execute(select(AUDIT_ENTRIES)).one()
        assert (entry.actor, entry.action, entry.subject, entry.request_id) == (
            "token ann",
            "project.create",
            project.id,
            "request-1",
        )


def test_another_s_project_is_as_one_that_is_not_there(database: Database) -> None:
    project = create(database)
    for caller, name in ((BOB, project.id), (ANN, "none")):
        with database.read() as connection, pytest.raises(RefusedError) as caught:
            find_project(connection, caller, name)
        assert (caught.value.status, str(caught.value)) == (404, "There is no project of this id.")
    with database.read() as connection:
        assert find_project(connection, ADMIN, project.id) == project


def test_a_change_counts_once_and_only_from_what_the_caller_has_seen(database: Database) -> None:
    project = create(database)

    def change(wanted: Change) -> Project:
        return database.change(
            lambda connection: store.change_project(Act(connection, ANN, NOW), project.id, wanted, QUOTA)
        )

    changed = change(Change(chosen=LARGE, expected=frozenset({1})))
    assert (changed.chosen, changed.version, changed.generation) == (LARGE, 2, 2)
    assert changed.previous == {"tier": "starter", "flavor": "js", "addons": [], "image": SMALL.image}
    assert change(Change(chosen=LARGE)) == changed
    with pytest.raises(RefusedError) as caught:
        change(Change(chosen=SMALL, expected=frozenset({1})))
    assert caught.value.status == 412
    renamed = change(Change(name="two"))
    assert (renamed.name, renamed.version, renamed.generation) == ("two", 3, 2)
    with database.read() as connection:
        assert len(list_operations(connection, project.id)) == 2


def test_what_is_wanted_already_is_not_asked_for_twice(database: Database) -> None:
    project = create(database)
    for desired, count in (
        (Desired.RUNNING, 1),
        (Desired.HIBERNATED, 2),
        (Desired.HIBERNATED, 2),
        (Desired.RUNNING, 3),
    ):
        asked = partial(store.want, project_id=project.id, desired=desired, expected=None)
        database.change(lambda connection: asked(Act(connection, ANN, NOW)))  # noqa: B023 - it runs at once
        with database.read() as connection:
            assert len(list_operations(connection, project.id)) == count
    for _ in range(2):
        gone = database.change(
            lambda connection: store.delete_project(Act(connection, ANN, NOW), project.id, None, keep_data=True)
        )
        assert gone.desired_state is Desired.DELETED
    with pytest.raises(RefusedError) as caught:
        database.change(lambda connection: store.want(Act(connection, ANN, NOW), project.id, Desired.RUNNING, None))
    assert caught.value.code == "project-is-deleted"


def test_every_exceeded_limit_is_told(database: Database) -> None:
    create(database, chosen=LARGE)
    with pytest.raises(RefusedError) as caught:
        create(database, chosen=replace(LARGE, cpu_millis=6000))
    assert caught.value.status == 403
    assert [reason.code for reason in caught.value.reasons] == ["quota-cpu", "quota-gpus"]
    assert create(database, BOB, LARGE).owner == "bob"


def test_a_quota_of_an_owner_s_own_counts(database: Database) -> None:
    database.change(lambda connection: store.set_quota(connection, "ann", replace(QUOTA, projects=0)))
    with pytest.raises(RefusedError, match="the quota is 0"):
        create(database)


def test_lists_are_filtered_and_go_on_after_an_id(database: Database) -> None:
    made = [create(database, chosen=SMALL), create(database, chosen=replace(LARGE, gpus=0))]
    create(database, BOB)

    def ids(caller: Caller, wanted: ProjectFilter, after: str = "") -> list[str]:
        with database.read() as connection:
            return [each.id for each in store.list_projects(connection, caller, wanted, after, 10)]

    everything = sorted(each.id for each in made)
    assert ids(ANN, ProjectFilter()) == everything
    assert ids(ANN, ProjectFilter(), everything[0]) == everything[1:]
    assert ids(ANN, ProjectFilter(addon="gui")) == [made[1].id]
    assert ids(ANN, ProjectFilter(addon='%"')) == []
    assert ids(ANN, ProjectFilter(flavor="js")) == [made[0].id]
    assert ids(ANN, ProjectFilter(owner="bob")) == []
    assert len(ids(ADMIN, ProjectFilter(owner="bob"))) == 1
    assert len(ids(ADMIN, ProjectFilter(state="pending"))) == 3


def test_many_at_once_never_exceed_a_quota(database: Database) -> None:
    def one(_: int) -> str:
        try:
            create(database)
        except RefusedError as error:
            return error.code
        return "made"

    with ThreadPoolExecutor(16) as workers:
        assert Counter(workers.map(one, range(48))) == {"made": 3, "quota-exceeded": 45}


def test_a_key_does_its_work_once_whoever_sends_it_at_the_same_time(database: Database) -> None:
    def one(number: int) -> Answer:
        def work(connection: Connection) -> Answer:
            act = Act(connection, ANN, NOW)

            def make() -> Answer:
                project = store.create_project(act, "ann", NewProject("one", SMALL), QUOTA)
                return Answer(202, {"Location": project.id}, str(number))

            return once(act, "ann", "key", "POST /api/projects {}", make)

        return database.change(work)

    with ThreadPoolExecutor(16) as workers:
        answers = set(map(str, workers.map(one, range(32))))
    assert len(answers) == 1
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(PROJECT_RECORDS)) == 1
        assert connection.scalar(select(func.count()).select_from(EVENTS)) == 1


def test_a_key_is_for_one_request_of_one_owner_for_a_day(database: Database) -> None:
    def send(owner: str, request: str, now: datetime) -> Answer:
        return database.change(
            lambda connection: once(
                Act(connection, ANN, now), owner, "key", request, lambda: Answer(200, {}, f"{owner} {now}")
            )
        )

    first = send("ann", "a", NOW)
    assert send("ann", "a", NOW + KEPT) == first
    assert send("bob", "b", NOW).body == f"bob {NOW}"
    with pytest.raises(RefusedError) as caught:
        send("ann", "b", NOW)
    assert (caught.value.status, caught.value.code) == (422, "idempotency-key-reused")
    later = NOW + KEPT + timedelta(seconds=1)
    assert send("ann", "b", later).body == f"ann {later}"
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(IDEMPOTENCY_KEYS)) == 1
