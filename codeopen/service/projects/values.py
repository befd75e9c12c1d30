"""Projects, operations and events as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Desired(StrEnum):
    """What an owner wants of a project."""

    RUNNING = "running"
    HIBERNATED = "hibernated"
    DELETED = "deleted"


class ProjectState(StrEnum):
    """How far a project is on its way to what is wanted."""

    PENDING = "pending"
    BUILDING = "building"
    STARTING = "starting"
    RUNNING = "running"
    HIBERNATING = "hibernating"
    HIBERNATED = "hibernated"
    WAKING = "waking"
    FAILED = "failed"
    DELETING = "deleting"
    DELETED = "deleted"


class OperationKind(StrEnum):
    """What an operation does."""

    CREATE = "create"
    UPDATE = "update"
    HIBERNATE = "hibernate"
    WAKE = "wake"
    UPGRADE = "upgrade"
    ROLLBACK = "rollback"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A valid selection, and what it takes: CPU in thousandths of a core, memory in bytes, price in cents a month."""

    tier: str
    flavor: str
    addons: tuple[str, ...]
    image: str
    cpu_millis: int
    memory_bytes: int
    gpus: int
    price_cents: int


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that one owner's projects may take together."""

    projects: int
    cpu_millis: int
    memory_bytes: int
    gpus: int
    price_cents: int


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that was asked for and takes time."""

    id: str
    project_id: str
    kind: OperationKind
    state: str
    cause: str
    requested_by: str
    generation: int
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a project; ``sequence`` grows."""

    sequence: int
    project_id: str
    kind: str
    data: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class Project:
    """A project: ``version`` changes with every write, ``generation`` with what is wanted of it."""

    id: str
    name: str
    owner: str
    chosen: Chosen
    previous: Mapping[str, Any] | None
    version: int
    generation: int
    observed_generation: int
    desired_state: Desired
    state: ProjectState
    reason: str
    recoverable: bool
    git_url: str
    git_revision: str
    quote_digest: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NewProject:
    """What a project is made of."""

    name: str
    chosen: Chosen
    git_url: str = ""
    git_revision: str = ""
    quote_digest: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: ``owner`` None sees all owners' projects. ``name`` is for operations and the audit table."""

    name: str
    owner: str | None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class ProjectFilter:
    """Which projects a list has; empty fields leave nothing out."""

    owner: str = ""
    state: str = ""
    flavor: str = ""
    addon: str = ""
