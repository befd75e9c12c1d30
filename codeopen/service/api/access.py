"""Who asks, how often they may, and which version they have seen: what routes depend on."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Annotated, Final

from fastapi import Depends, Header, Request

from codeopen.errors import RefusedError
from codeopen.service.access.tokens import Principal, Role, check_token
from codeopen.service.api.service import Service, service_of
from codeopen.service.settings import LOOPBACK

_ANYBODY: Final = Principal("anybody on this machine", "local", Role.ADMIN)
_ORDER: Final = (Role.VIEWER, Role.MEMBER, Role.ADMIN)
_VERSION: Final = re.compile(r'"([1-9][0-9]{0,17})"')


def _principal(request: Request) -> Principal:
    """Raises RefusedError with 401 without a token that holds, and 429 from one that asks too often."""
    service = service_of(request)
    principal = _authenticated(request, service)
    request.state.principal = principal
    if not service.limiter.hit(service.rate, principal.name):
        reset, _ = service.limiter.get_window_stats(service.rate, principal.name)
        request.state.retry_after = max(1, round(reset - time.time()))
        raise RefusedError(429, "too-many-requests", f"This token may ask {service.settings.rate}. Wait, then go on.")
    return principal


def _authenticated(request: Request, service: Service) -> Principal:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme:
        if scheme.lower() != "bearer" or not secret:
            raise RefusedError(401, "not-authenticated", "Send a token as `Authorization: Bearer TOKEN`.")
        with service.database.read() as connection:
            return check_token(connection, secret.strip(), service.clock())
    if service.settings.anonymous:
        # A page of another site can send requests to this machine, by a name that it made lead here too.
        if request.url.hostname not in LOOPBACK or "origin" in request.headers:
            raise RefusedError(403, "not-from-here", "Without a token, only programs on this machine may ask.")
        return _ANYBODY
    raise RefusedError(
        401, "not-authenticated", "Send a token as `Authorization: Bearer TOKEN`; `codeopen token create` makes one."
    )


def _at_least(role: Role) -> Callable[[Principal], Principal]:
    def check(principal: Annotated[Principal, Depends(_principal)]) -> Principal:
        if _ORDER.index(principal.role) < _ORDER.index(role):
            raise RefusedError(403, "role-too-low", f"This needs a token with the role {role}.")
        return principal

    return check


Viewer = Annotated[Principal, Depends(_at_least(Role.VIEWER))]
Member = Annotated[Principal, Depends(_at_least(Role.MEMBER))]
Admin = Annotated[Principal, Depends(_at_least(Role.ADMIN))]
IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", max_length=255, pattern=r"^[!-~]+$")]


def _expected(
    request: Request, if_match: Annotated[str, Header(alias="If-Match", max_length=1000)] = ""
) -> frozenset[int] | None:
    """The versions that the caller accepts; None for any. Raises RefusedError with 428 where one is required."""
    required = service_of(request).settings.require_if_match and request.method in {"PATCH", "DELETE"}
    if not if_match:
        if required:
            raise RefusedError(
                428, "if-match-required", "Send the project's ETag as If-Match, so that no change of others is lost."
            )
        return None
    if if_match.strip() == "*":
        return None
    # A weak tag, or one that was never given out, matches nothing (RFC 9110, 13.1.1).
    words = [_VERSION.fullmatch(word.strip()) for word in if_match.split(",")]
    return frozenset(int(word[1]) for word in words if word)


Expected = Annotated[frozenset[int] | None, Depends(_expected)]


def request_id(request: Request) -> str:
    """The id that the answer's ``X-Request-Id``, the log, operations and the audit table have."""
    return str(request.state.request_id)
