"""Secrets of projects: written through the API, never read through it, and sealed in the database."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import delete, insert, select

from codeopen.errors import DatabaseError
from codeopen.service.database.tables import PROJECT_SECRETS
from codeopen.service.projects.rows import Act, append_audit, append_event
from codeopen.service.projects.store import lock_project


def read_key(file: Path) -> Fernet:
    """The key in a file, which is made where there is none, for its owner alone. Raises DatabaseError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(handle, "wb") as stream:
            stream.write(Fernet.generate_key())
    try:
        return Fernet(file.read_bytes().strip())
    except ValueError:
        raise DatabaseError(
            f"{file}: this is no key of secrets; bring back the file that the service made at its first start"
        ) from None


def put_secret(act: Act, key: Fernet, project_id: str, name: str, value: str) -> None:
    """Write a secret of a project that the caller may change. The value is in no event and no audit entry."""
    lock_project(act, project_id, None)
    table = PROJECT_SECRETS
    act.connection.execute(delete(table).where(table.c.project_id == project_id, table.c.name == name))
    act.connection.execute(
        insert(table).values(
            project_id=project_id, name=name, sealed=key.encrypt(value.encode()).decode(), updated_at=act.now
        )
    )
    append_event(act.connection, project_id, "secret-written", {"name": name}, act.now)
    append_audit(act, "project.secret", project_id, name)


def open_secrets(act: Act, key: Fernet, project_id: str) -> dict[str, str]:
    """The secrets of a project, for whoever carries out its operations. Raises DatabaseError for another key."""
    table = PROJECT_SECRETS.c
    rows = act.connection.execute(select(table.name, table.sealed).where(table.project_id == project_id))
    try:
        return {row.name: key.decrypt(row.sealed.encode()).decode() for row in rows}
    except InvalidToken:
        raise DatabaseError(
            f"the secrets of project {project_id} were sealed with another key; bring back the service's key file"
        ) from None
