"""Quotes."""

from __future__ import annotations

import json
from typing import Final

from fastapi import APIRouter, Request, Response

from codeopen.model.selection.selection import Selection
from codeopen.service.api.access import IdempotencyKey, Viewer, request_id
from codeopen.service.api.answers import quote_answer
from codeopen.service.api.bodies import QuoteAnswer, SelectionBody, plain
from codeopen.service.api.replying import Reply, reply
from codeopen.service.api.service import service_of
from codeopen.service.projects.idempotency import Answer
from codeopen.service.quote.quote import make_quote

ROUTER: Final = APIRouter(prefix="/api", tags=["quotes"])


@ROUTER.post("/quote", operation_id="createQuote", response_model=QuoteAnswer)
def create(request: Request, who: Viewer, body: SelectionBody, key: IdempotencyKey = "") -> Response:
    """What a selection would be, and what it costs. Nothing is made."""
    service = service_of(request)
    selection = Selection(body.resource_tier_id, body.flavor_id, tuple(body.addon_ids))

    def answer() -> Answer:
        quote = make_quote(service.catalog, selection, service.release, service.platform)
        return Answer(200, {}, json.dumps(plain(quote_answer(quote)), separators=(",", ":")))

    if not key:  # no key to keep: the database has nothing to do with it
        return Response(answer().body, 200, media_type="application/json")
    words = json.dumps(["POST", request.url.path, plain(body)], sort_keys=True)
    return reply(Reply(service, who, key, request_id(request)), words, lambda _act: answer())
