"""A project's events as a stream. Source: WHATWG HTML, "Server-sent events"."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from codeopen.errors import CodeOpenError, RefusedError
from codeopen.service.api.access import Viewer, request_id
from codeopen.service.api.service import Service, service_of
from codeopen.service.projects.rows import events_after, find_project
from codeopen.service.projects.values import Caller, Event

ROUTER: Final = APIRouter(prefix="/api/projects", tags=["projects"])
_POLL: Final = 0.5  # seconds between two looks into the table
_BATCH: Final = 100
_LARGEST: Final = (1 << 63) - 1


@ROUTER.get(
    "/{id}/events",
    operation_id="streamProjectEvents",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream(
    request: Request,
    who: Viewer,
    id: Annotated[str, Path(max_length=64)],  # noqa: A002
    last_event_id: Annotated[str, Header(alias="Last-Event-ID", pattern="^[0-9]{0,19}$")] = "",
    after: Annotated[int, Query(ge=0, le=_LARGEST, description="as Last-Event-ID, which wins")] = 0,
) -> Response:
    """What happens to a project, from its first event or the one after Last-Event-ID on."""
    service, caller = service_of(request), who.caller(request_id(request))
    await run_in_threadpool(_look, service, caller, id, _LARGEST)
    if service.metrics.streams._value.get() >= service.settings.streams:  # noqa: SLF001 - the gauge has no reader
        raise RefusedError(429, "too-many-streams", "Too many streams of events are open. Try again later.")
    start = min(int(last_event_id), _LARGEST) if last_event_id else after
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _events(request, service, caller, id, start), headers=headers, media_type="text/event-stream"
    )


async def _events(
    request: Request, service: Service, caller: Caller, project_id: str, after: int
) -> AsyncIterator[str]:
    settings = service.settings
    ends = spoken = time.monotonic()
    ends += settings.stream_seconds
    with service.metrics.streams.track_inprogress():
        yield "retry: 2000\n\n"
        while time.monotonic() < ends and not await request.is_disconnected():
            try:
                found = await run_in_threadpool(_look, service, caller, project_id, after)
            except CodeOpenError:  # its client asks again, and is told then what is wrong
                return
            for event in found:
                after = event.sequence
                yield _line(event)
            now = time.monotonic()
            if found:
                spoken = now
                continue
            if now - spoken >= settings.heartbeat_seconds:
                spoken = now
                yield ": still here\n\n"
            await asyncio.sleep(min(_POLL, settings.heartbeat_seconds, max(0.0, ends - now)))


def _look(service: Service, caller: Caller, project_id: str, after: int) -> Sequence[Event]:
    with service.database.read() as connection:
        find_project(connection, caller, project_id)
        return events_after(connection, project_id, after, _BATCH)


def _line(event: Event) -> str:
    data = json.dumps({**event.data, "at": event.at.isoformat()}, sort_keys=True)
    return f"id: {event.sequence}\nevent: {event.kind}\ndata: {data}\n\n"
