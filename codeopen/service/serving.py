"""Serves the API of a checkout's catalog, with a stack's registry and a database."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import structlog
import uvicorn

from codeopen.errors import SettingsError
from codeopen.service.api.app import create_app
from codeopen.service.api.service import Service
from codeopen.service.opening import open_filled, read_stack
from codeopen.service.projects.secret_values import read_key
from codeopen.service.settings import LOOPBACK, ServiceSettings

_DRAIN_SECONDS: Final = 10


def open_service(database_url: str, stack: str, checkout: Path, settings: ServiceSettings) -> Service:
    """A service with its tables up to date and the catalog in them. Raises CodeOpenError."""
    if settings.anonymous and settings.host not in LOOPBACK:
        raise SettingsError(
            f"--anonymous lets everybody in who reaches {settings.host}: listen on 127.0.0.1, or make a token"
        )
    stack_settings, catalog = read_stack(stack, checkout)
    database, _ = open_filled(database_url, catalog)
    release, platform = stack_settings.release, stack_settings.platforms[0]
    return Service(settings, database, catalog, release, platform, read_key(settings.key_file))


def serve(service: Service) -> None:
    """Answer requests until SIGINT or SIGTERM; then finish those that run, for a bounded time."""
    settings = service.settings
    # Streams of events end with the server, and their clients resume them elsewhere.
    uvicorn.run(
        create_app(service),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    service.database.close()


def configure_log() -> None:
    """One JSON object a line on stdout, with UTC times."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(sort_keys=True),
        ]
    )
