"""Errors as problem details. Source: RFC 9457."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from codeopen.errors import CodeOpenError, DatabaseError, FieldReason, RefusedError

MEDIA_TYPE: Final = "application/problem+json"
_MOST_REASONS: Final = 50
_CODES: Final = {404: "no-such-route", 405: "method-not-allowed", 400: "malformed-body"}


def problem(
    status: int, code: str, detail: str, reasons: Sequence[FieldReason] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """The answer to a request that could not be done."""
    body = {
        "type": f"urn:codeopen:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "reasons": [
            {"code": each.code, "field": each.field, "detail": each.detail, "remedy": each.remedy} for each in reasons
        ],
    }
    return Response(json.dumps(body), status, dict(headers or {}), MEDIA_TYPE)


def add_problems(app: FastAPI) -> None:
    """Make every error of an application a problem."""
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(CodeOpenError, _failed)


def refusal(error: RefusedError) -> Response:
    """A refusal as its problem."""
    headers = {"WWW-Authenticate": 'Bearer realm="codeopen"'} if error.status == HTTPStatus.UNAUTHORIZED else {}
    return problem(error.status, error.code, error.detail, error.reasons, headers)


def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)  # noqa: S101 - it is registered for no other
    return refusal(error)


def _failed(_request: Request, error: Exception) -> Response:
    """The database or another system: its text is for the log, since it names hosts."""
    if isinstance(error, DatabaseError):
        return problem(
            503, "database-unavailable", "The database does not answer. Try again.", headers={"Retry-After": "2"}
        )
    return problem(500, "internal-error", "The service failed. Its log says why, by the request id.")


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for no other
    code = _CODES.get(error.status_code, "refused")
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return problem(error.status_code, code, str(error.detail), headers=headers)


def _methods(request: Request) -> set[str]:
    """The methods of all routes of a path: the framework names those of the first one alone."""
    path = request.url.path
    return {
        method.upper()
        for template, methods in request.app.openapi()["paths"].items()
        if _as_pattern(template).fullmatch(path)
        for method in methods
    }


def _as_pattern(template: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(re.escape(part) for part in re.split(r"\{[^}]*\}", template)))


def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is registered for no other
    rows: Sequence[Mapping[str, Any]] = error.errors()
    if any(row["type"] == "json_invalid" for row in rows):
        return problem(400, "malformed-body", "The body is not JSON.")
    reasons = [
        FieldReason(
            str(row["type"]).replace("_", "-"),
            ".".join(str(part) for part in row["loc"][1:]),
            str(row["msg"]),
            "see /openapi.json for what the field may be",
        )
        for row in rows[:_MOST_REASONS]
    ]
    return problem(422, "invalid-request", "The request has wrong fields.", reasons)
