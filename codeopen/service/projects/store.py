"""What can be done to projects: each function works in one transaction of ``Database.change``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, insert, update

from codeopen.errors import RefusedError
from codeopen.service.database.tables import OWNERS, PROJECT_RECORDS, PROJECTS
from codeopen.service.identity import new_id
from codeopen.service.projects.quota import check_quota
from codeopen.service.projects.rows import (
    Act,
    append_operation,
    find_project,
    lock_owner,
    project_query,
    to_project,
)
from codeopen.service.projects.values import (
    Caller,
    Chosen,
    Desired,
    NewProject,
    OperationKind,
    Project,
    ProjectFilter,
    ProjectState,
    Quota,
)


@dataclass(frozen=True, slots=True)
class Change:
    """What to change of a project. ``expected`` are the versions that the caller accepts; None for any."""

    chosen: Chosen | None = None
    name: str | None = None
    quote_digest: str = ""
    expected: frozenset[int] | None = None


def create_project(act: Act, owner: str, new: NewProject, quota: Quota) -> Project:
    """Add a project of an owner. Raises RefusedError where the owner's quota has no room for it."""
    lock_owner(act.connection, owner)
    check_quota(act.connection, owner, new.chosen, quota)
    name, chosen = new_id(act.now), new.chosen
    act.connection.execute(
        insert(PROJECTS).values(
            id=name,
            name=new.name,
            resource_tier_id=chosen.tier,
            flavor_id=chosen.flavor,
            addon_ids=json.dumps(chosen.addons),
        )
    )
    act.connection.execute(
        insert(PROJECT_RECORDS).values(
            project_id=name,
            owner=owner,
            version=1,
            generation=1,
            observed_generation=0,
            desired_state=Desired.RUNNING.value,
            state=ProjectState.PENDING.value,
            reason="",
            recoverable=True,
            keep_data=True,
            git_url=new.git_url,
            git_revision=new.git_revision,
            previous="",
            quote_digest=new.quote_digest,
            created_at=act.now,
            updated_at=act.now,
            **_taken(chosen),
        )
    )
    append_operation(act, name, OperationKind.CREATE, 1)
    return find_project(act.connection, act.caller, name)


def change_project(act: Act, project_id: str, change: Change, quota: Quota) -> Project:
    """Change a project's name or what it has chosen. The same again changes nothing and asks for nothing."""
    project = lock_project(act, project_id, change.expected)
    chosen = change.chosen
    if chosen is not None and _unordered(chosen) == _unordered(project.chosen):
        chosen = None
    if chosen is None and change.name in {None, project.name}:
        return project
    values: dict[str, Any] = {}
    if chosen is not None:
        check_quota(act.connection, project.owner, chosen, quota, without=project_id)
        values = {**_choose(act.connection, project, chosen), "quote_digest": change.quote_digest}
    if change.name is not None:
        act.connection.execute(update(PROJECTS).where(PROJECTS.c.id == project_id).values(name=change.name))
    generation = project.generation + (chosen is not None)
    _write(act, project, generation=generation, **values)
    if chosen is not None:
        append_operation(act, project_id, OperationKind.UPDATE, generation)
    return find_project(act.connection, act.caller, project_id)


def want(act: Act, project_id: str, desired: Desired, expected: frozenset[int] | None) -> Project:
    """Hibernate or wake a project. What is wanted already is not asked for twice."""
    project = lock_project(act, project_id, expected)
    if project.desired_state is desired:
        return project
    kind, state = {
        Desired.HIBERNATED: (OperationKind.HIBERNATE, ProjectState.HIBERNATING),
        Desired.RUNNING: (OperationKind.WAKE, ProjectState.WAKING),
    }[desired]
    _write(act, project, generation=project.generation + 1, desired_state=desired.value, state=state.value)
    append_operation(act, project_id, kind, project.generation + 1)
    return find_project(act.connection, act.caller, project_id)


def delete_project(act: Act, project_id: str, expected: frozenset[int] | None, *, keep_data: bool) -> Project:
    """Ask for a project's end; with ``keep_data`` its disk stays. It can be seen until it is gone."""
    project = lock_project(act, project_id, expected, deleting=True)
    if project.desired_state is Desired.DELETED:
        return project
    generation = project.generation + 1
    _write(
        act,
        project,
        generation=generation,
        desired_state=Desired.DELETED.value,
        state=ProjectState.DELETING.value,
        keep_data=keep_data,
    )
    append_operation(act, project_id, OperationKind.DELETE, generation)
    return find_project(act.connection, act.caller, project_id)


def replace_image(act: Act, project: Project, chosen: Chosen, kind: OperationKind) -> Project:
    """Upgrade or roll back a locked project to what it is to have instead."""
    generation = project.generation + 1
    _write(act, project, generation=generation, **_choose(act.connection, project, chosen))
    append_operation(act, project.id, kind, generation)
    return find_project(act.connection, act.caller, project.id)


def restore(act: Act, project: Project, chosen: Chosen, quota: Quota) -> Project:
    """Roll a locked project back, within its owner's quota."""
    check_quota(act.connection, project.owner, chosen, quota, without=project.id)
    return replace_image(act, project, chosen, OperationKind.ROLLBACK)


def lock_project(act: Act, project_id: str, expected: frozenset[int] | None, *, deleting: bool = False) -> Project:
    """A project that nobody else changes until the commit. Raises RefusedError: 404, 409 or 412."""
    seen = find_project(act.connection, act.caller, project_id)
    lock_owner(act.connection, seen.owner)
    project = find_project(act.connection, act.caller, project_id)
    if expected is not None and project.version not in expected:
        raise RefusedError(
            412, "version-changed", "The project changed since the version in If-Match. Read it and send it again."
        )
    if project.desired_state is Desired.DELETED and not deleting:
        raise RefusedError(409, "project-is-deleted", "The project is being deleted.")
    return project


def list_projects(
    connection: Connection, caller: Caller, wanted: ProjectFilter, after: str, limit: int
) -> Sequence[Project]:
    """Projects that the caller may see, by id, which is the order they were made in."""
    record = PROJECT_RECORDS.c
    query = project_query().where(record.project_id > after).order_by(record.project_id).limit(limit)
    if caller.owner is not None:
        query = query.where(record.owner == caller.owner)
    if wanted.owner:
        query = query.where(record.owner == wanted.owner)
    if wanted.state:
        query = query.where(record.state == wanted.state)
    if wanted.flavor:
        query = query.where(PROJECTS.c.flavor_id == wanted.flavor)
    if wanted.addon:  # the text is ours: a list of ids, which have no quotation mark
        query = query.where(PROJECTS.c.addon_ids.contains(f'"{wanted.addon}"', autoescape=True))
    return [to_project(row) for row in connection.execute(query)]


def set_quota(connection: Connection, owner: str, quota: Quota) -> None:
    """Give an owner a quota of their own."""
    lock_owner(connection, owner)
    connection.execute(
        update(OWNERS)
        .where(OWNERS.c.owner == owner)
        .values(
            max_projects=quota.projects,
            max_cpu_millis=quota.cpu_millis,
            max_memory_bytes=quota.memory_bytes,
            max_gpus=quota.gpus,
            max_price_cents=quota.price_cents,
        )
    )


def _unordered(chosen: Chosen) -> Chosen:
    """The order in which add-ons were named makes no other project."""
    return replace(chosen, addons=tuple(sorted(chosen.addons)))


def _taken(chosen: Chosen) -> dict[str, Any]:
    return {
        "image": chosen.image,
        "cpu_millis": chosen.cpu_millis,
        "memory_bytes": chosen.memory_bytes,
        "gpus": chosen.gpus,
        "price_cents": chosen.price_cents,
    }


def _choose(connection: Connection, project: Project, chosen: Chosen) -> dict[str, Any]:
    """Write what is chosen, and return what the record says of it, with what there was to roll back to."""
    connection.execute(
        update(PROJECTS)
        .where(PROJECTS.c.id == project.id)
        .values(resource_tier_id=chosen.tier, flavor_id=chosen.flavor, addon_ids=json.dumps(chosen.addons))
    )
    old = project.chosen
    previous = {"tier": old.tier, "flavor": old.flavor, "addons": list(old.addons), "image": old.image}
    return {**_taken(chosen), "previous": json.dumps(previous), "state": ProjectState.PENDING.value}


def _write(act: Act, project: Project, **values: Any) -> None:
    record = PROJECT_RECORDS
    act.connection.execute(
        update(record)
        .where(record.c.project_id == project.id)
        .values(version=project.version + 1, updated_at=act.now, **values)
    )
