"""Whether the service lives, whether it can work, and what it counts."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import PlainTextResponse

from codeopen.service.api.access import Admin
from codeopen.service.api.service import service_of
from codeopen.service.database.migrations import check_version

ROUTER: Final = APIRouter(tags=["operation"])


@ROUTER.get("/healthz", operation_id="getHealth", response_class=PlainTextResponse)
def health() -> str:
    """The process answers."""
    return "ok\n"


@ROUTER.get("/readyz", operation_id="getReadiness", response_class=PlainTextResponse)
def readiness(request: Request) -> str:
    """The database answers, and has the tables of this program; else 503."""
    check_version(service_of(request).database)
    return "ok\n"


@ROUTER.get("/metrics", operation_id="getMetrics", response_class=PlainTextResponse)
def metrics(request: Request, _who: Admin) -> Response:
    """Metrics for Prometheus; needs an admin's token, since they tell how much is used."""
    return Response(generate_latest(service_of(request).metrics.registry), media_type=CONTENT_TYPE_LATEST)
