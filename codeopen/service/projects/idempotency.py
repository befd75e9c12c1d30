"""A request that is sent again with the same ``Idempotency-Key`` gets the first one's answer, and does nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, insert, select

from codeopen.errors import RefusedError
from codeopen.service.database.tables import IDEMPOTENCY_KEYS
from codeopen.service.projects.rows import Act, lock_owner

KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered."""

    status: int
    headers: Mapping[str, str]
    body: str


def once(act: Act, owner: str, key: str, request: str, work: Callable[[], Answer]) -> Answer:
    """The first answer to an owner's key, or that of ``work``, kept for a day in the same transaction.

    ``request`` is everything that makes requests the same: method, path and body. Without a key, ``work`` runs.
    Refusals are not kept, since they did nothing. Raises RefusedError where the key was used for another request.
    """
    if not key:
        return work()
    connection, now = act.connection, act.now
    lock_owner(connection, owner)
    table = IDEMPOTENCY_KEYS
    connection.execute(delete(table).where(table.c.created_at < now - KEPT))
    digest = hashlib.sha256(request.encode()).hexdigest()
    row = connection.execute(select(table).where(table.c.owner == owner, table.c.key == key)).one_or_none()
    if row is not None:
        if row.request != digest:
            raise RefusedError(
                422, "idempotency-key-reused", "This Idempotency-Key was used for another request. Take a new one."
            )
        return Answer(row.status, json.loads(row.headers), row.body)
    answer = work()
    connection.execute(
        insert(table).values(
            owner=owner,
            key=key,
            request=digest,
            status=answer.status,
            headers=json.dumps(dict(answer.headers)),
            body=answer.body,
            created_at=now,
        )
    )
    return answer
