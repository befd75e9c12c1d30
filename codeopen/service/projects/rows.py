"""How rows become values, and how events, operations and audit entries are written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from codeopen.errors import RefusedError
from codeopen.service.database.opening import insert_once
from codeopen.service.database.tables import AUDIT_ENTRIES, EVENTS, OPERATIONS, OWNERS, PROJECT_RECORDS, PROJECTS
from codeopen.service.identity import is_id, new_id
from codeopen.service.projects.values import (
    Caller,
    Chosen,
    Desired,
    Event,
    Operation,
    OperationKind,
    Project,
    ProjectState,
)

_LAST_OPERATIONS: Final = 10


def lock_owner(connection: Connection, owner: str) -> None:
    """Let one transaction at a time change an owner's projects: what a quota counts can't move until the commit."""
    counted = update(OWNERS).where(OWNERS.c.owner == owner).values(changes=OWNERS.c.changes + 1)
    if connection.execute(counted).rowcount == 0:
        connection.execute(insert_once(connection, OWNERS).values(owner=owner, changes=0))
        connection.execute(counted)


def project_query() -> Select[Any]:
    """Projects with their records. Rows of the old product without a record are not ours to show."""
    return select(PROJECTS, PROJECT_RECORDS).join_from(
        PROJECTS, PROJECT_RECORDS, PROJECT_RECORDS.c.project_id == PROJECTS.c.id
    )


def to_project(row: Row[Any]) -> Project:
    return Project(
        id=row.project_id,
        name=row.name,
        owner=row.owner,
        chosen=Chosen(
            row.resource_tier_id,
            row.flavor_id,
            tuple(json.loads(row.addon_ids)),
            row.image,
            row.cpu_millis,
            row.memory_bytes,
            row.gpus,
            row.price_cents,
        ),
        previous=json.loads(row.previous) if row.previous else None,
        version=row.version,
        generation=row.generation,
        observed_generation=row.observed_generation,
        desired_state=Desired(row.desired_state),
        state=ProjectState(row.state),
        reason=row.reason,
        recoverable=row.recoverable,
        git_url=row.git_url,
        git_revision=row.git_revision,
        quote_digest=row.quote_digest,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def find_project(connection: Connection, caller: Caller, project_id: str) -> Project:
    """A project that the caller may see. Raises RefusedError with 404, whether it is another's or nobody's."""
    # What is no id is not asked for: a database may refuse such a text, e.g. one with a NUL.
    row = connection.execute(_found(caller, project_id)).one_or_none() if is_id(project_id) else None
    if row is None:
        raise RefusedError(404, "project-not-found", "There is no project of this id.")
    return to_project(row)


def _found(caller: Caller, project_id: str) -> Select[Any]:
    query = project_query().where(PROJECT_RECORDS.c.project_id == project_id)
    if caller.owner is not None:
        query = query.where(PROJECT_RECORDS.c.owner == caller.owner)
    return query


def list_operations(connection: Connection, project_id: str) -> Sequence[Operation]:
    """The last operations of a project, the newest first."""
    query = select(OPERATIONS).where(OPERATIONS.c.project_id == project_id).order_by(OPERATIONS.c.id.desc())
    return [
        Operation(
            row.id,
            row.project_id,
            OperationKind(row.kind),
            row.state,
            row.cause,
            row.requested_by,
            row.generation,
            row.requested_at,
            row.started_at,
            row.finished_at,
            row.error,
        )
        for row in connection.execute(query.limit(_LAST_OPERATIONS))
    ]


@dataclass(frozen=True, slots=True)
class Act:
    """One caller's transaction, and its time."""

    connection: Connection
    caller: Caller
    now: datetime


def append_operation(act: Act, project_id: str, kind: OperationKind, generation: int) -> None:
    """Ask for an operation, with an event and an audit entry."""
    connection, caller, now = act.connection, act.caller, act.now
    operation = new_id(now)
    connection.execute(
        insert(OPERATIONS).values(
            id=operation,
            project_id=project_id,
            kind=kind.value,
            state="queued",
            cause="requested",
            requested_by=caller.name,
            request_id=caller.request_id,
            generation=generation,
            requested_at=now,
            error="",
        )
    )
    append_event(connection, project_id, f"{kind}-requested", {"operation": operation, "generation": generation}, now)
    append_audit(act, f"project.{kind}", project_id)


def append_event(connection: Connection, project_id: str, kind: str, data: Mapping[str, Any], now: datetime) -> None:
    """Say what happened. The caller holds the owner's lock, so that sequences become visible in order."""
    connection.execute(
        insert(EVENTS).values(project_id=project_id, kind=kind, data=json.dumps(data, sort_keys=True), at=now)
    )


def events_after(connection: Connection, project_id: str, sequence: int, limit: int) -> Sequence[Event]:
    """The events of a project after one, the oldest first."""
    query = (
        select(EVENTS)
        .where(EVENTS.c.project_id == project_id, EVENTS.c.sequence > sequence)
        .order_by(EVENTS.c.sequence)
        .limit(limit)
    )
    return [
        Event(row.sequence, row.project_id, row.kind, json.loads(row.data), row.at) for row in connection.execute(query)
    ]


def append_audit(act: Act, action: str, subject: str, detail: str = "") -> None:
    """Write down who did what to which thing."""
    caller = act.caller
    act.connection.execute(
        insert(AUDIT_ENTRIES).values(
            at=act.now,
            actor=caller.name,
            owner=caller.owner or "",
            action=action,
            subject=subject,
            request_id=caller.request_id,
            detail=detail,
        )
    )


def total(connection: Connection, owner: str, without: str) -> Row[Any]:
    """What an owner's projects take together, but for one: ``projects``, CPU, memory, GPUs and price."""
    record = PROJECT_RECORDS.c
    return connection.execute(
        select(
            func.count().label("projects"),
            *(
                func.coalesce(func.sum(column), 0).label(column.name)
                for column in (record.cpu_millis, record.memory_bytes, record.gpus, record.price_cents)
            ),
        ).where(record.owner == owner, record.desired_state != Desired.DELETED.value, record.project_id != without)
    ).one()
