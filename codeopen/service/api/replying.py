"""How a request that changes something is answered: once, in one transaction, under its idempotency key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Response
from sqlalchemy import Connection

from codeopen.service.access.tokens import Principal
from codeopen.service.api.service import Service
from codeopen.service.projects.idempotency import Answer, once
from codeopen.service.projects.rows import Act


@dataclass(frozen=True, slots=True)
class Reply:
    """Who asked for a change, and how they named it."""

    service: Service
    who: Principal
    key: str
    request_id: str


def reply(asked: Reply, words: str, work: Callable[[Act], Answer]) -> Response:
    """The answer of ``work``, or of the first request with the same key; ``words`` is what makes requests the same."""
    caller = asked.who.caller(asked.request_id)

    def change(connection: Connection) -> Answer:
        act = Act(connection, caller, asked.service.clock())
        return once(act, asked.who.owner, asked.key, words, lambda: work(act))

    answer = asked.service.database.change(change)
    return Response(answer.body, answer.status, dict(answer.headers), "application/json")
