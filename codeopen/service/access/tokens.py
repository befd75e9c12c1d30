"""Bearer tokens: 256 random bits, of which the database has the SHA-256 alone."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, insert, select, update

from codeopen.errors import NoSuchEntryError, RefusedError
from codeopen.service.database.tables import ACCESS_TOKENS
from codeopen.service.identity import new_id
from codeopen.service.projects.rows import Act, append_audit
from codeopen.service.projects.values import Caller

PREFIX: Final = "cot_"
_BYTES: Final = 32


class Role(StrEnum):
    """What a token may do: a viewer reads, a member also changes its owner's projects, an admin everybody's."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret."""

    id: str
    owner: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is behind a request. ``name`` is what operations and the audit table say."""

    name: str
    owner: str
    role: Role

    def caller(self, request_id: str) -> Caller:
        """As the project store knows callers: an admin sees every owner's projects."""
        return Caller(self.name, None if self.role is Role.ADMIN else self.owner, request_id)


def create_token(act: Act, owner: str, role: Role, expires_at: datetime | None) -> tuple[Token, str]:
    """A new token and its secret, which nobody can read again."""
    secret = PREFIX + secrets.token_urlsafe(_BYTES)
    token = Token(new_id(act.now), owner, role, act.now, expires_at, None)
    act.connection.execute(
        insert(ACCESS_TOKENS).values(
            id=token.id,
            sha256=_digest(secret),
            owner=owner,
            role=role.value,
            created_at=act.now,
            expires_at=expires_at,
        )
    )
    append_audit(act, "token.create", token.id, f"{role} of {owner}")
    return token, secret


def list_tokens(connection: Connection) -> Sequence[Token]:
    """All tokens, in the order they were made in."""
    return [
        Token(row.id, row.owner, Role(row.role), row.created_at, row.expires_at, row.revoked_at)
        for row in connection.execute(select(ACCESS_TOKENS).order_by(ACCESS_TOKENS.c.id))
    ]


def revoke_token(act: Act, token_id: str) -> None:
    """End a token; again is no error. Raises NoSuchEntryError."""
    table = ACCESS_TOKENS.c
    there = act.connection.scalar(select(table.id).where(table.id == token_id))
    if there is None:
        raise NoSuchEntryError(f"token {token_id!r}: there is none of that id; see `codeopen token list`")
    ended = update(ACCESS_TOKENS).where(table.id == token_id, table.revoked_at.is_(None)).values(revoked_at=act.now)
    if act.connection.execute(ended).rowcount:
        append_audit(act, "token.revoke", token_id)


def check_token(connection: Connection, secret: str, now: datetime) -> Principal:
    """Who has a secret. Raises RefusedError with 401, the same for one that is unknown, expired or revoked."""
    digest = _digest(secret)
    row = connection.execute(select(ACCESS_TOKENS).where(ACCESS_TOKENS.c.sha256 == digest)).one_or_none()
    # The database finds a digest, which says nothing of the secret by the time that it takes.
    if (
        row is None
        or not hmac.compare_digest(row.sha256, digest)
        or row.revoked_at is not None
        or (row.expires_at is not None and row.expires_at <= now)
    ):
        raise RefusedError(401, "not-authenticated", "The token is unknown, expired or revoked.")
    return Principal(f"token {row.id}", row.owner, Role(row.role))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
