"""What is around every request: its id, a bound on its body, headers, metrics and a line in the log.

Source of the headers: OWASP Secure Headers Project, for an API.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from starlette.datastructures import Headers, MutableHeaders

from codeopen.service.api.problems import problem
from codeopen.service.api.service import Service
from codeopen.service.identity import new_id

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
LARGEST_BODY: Final = 65_536
_GIVEN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADERS: Final = (
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
)


class Wrapping:
    """An ASGI application around another one."""

    def __init__(self, app: Callable[[Message, Receive, Send], Awaitable[None]], service: Service) -> None:
        self._app = app
        self._service = service
        self._log = structlog.get_logger("codeopen.service")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        identifier = given if _GIVEN_ID.fullmatch(given) else new_id(datetime.now(UTC))
        state = scope.setdefault("state", {})
        state["request_id"] = identifier
        start, status = time.perf_counter(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = identifier
                if "retry_after" in state:
                    headers["retry-after"] = str(state["retry_after"])
                for name, value in _HEADERS:
                    headers.setdefault(name, value)
            await send(message)

        try:
            body = await _whole_body(scope, receive)
            if body is None:
                await problem(413, "body-too-large", f"A body has at most {LARGEST_BODY} bytes.")(
                    scope, receive, answer
                )
            else:
                await self._app(scope, _again(body, receive), answer)
        except Exception as error:
            self._log.exception("failed", request_id=identifier, error=type(error).__name__)
            if status:
                raise
            text = "The service failed. Its log says why, by the request id."
            await problem(500, "internal-error", text)(scope, receive, answer)
        finally:
            self._count(scope, status, time.perf_counter() - start, identifier)

    def _count(self, scope: Message, status: int, seconds: float, identifier: str) -> None:
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if route != "none" else "other"
        self._service.metrics.requests.labels(method, route, status).inc()
        self._service.metrics.seconds.labels(method, route).observe(seconds)
        self._log.info(
            "request", request_id=identifier, method=method, route=route, status=status, seconds=round(seconds, 4)
        )


async def _whole_body(scope: Message, receive: Receive) -> bytes | None:
    """A request's body; None where it is larger than LARGEST_BODY."""
    declared = Headers(scope=scope).get("content-length", "0")
    if declared.isdigit() and int(declared) > LARGEST_BODY:
        return None
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read already, then whatever comes."""
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once
