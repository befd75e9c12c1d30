"""Puts a service together from a checkout, a stack and a database."""

from __future__ import annotations

from pathlib import Path

import structlog

from codeopen.environment.settings import read_settings
from codeopen.environment.stack_file import read_stack_values
from codeopen.errors import SettingsError
from codeopen.model.catalog.read import read_catalog
from codeopen.service.api.service import Service
from codeopen.service.database.migrations import upgrade
from codeopen.service.database.opening import open_database
from codeopen.service.database.seed import seed
from codeopen.service.projects.secret_values import read_key
from codeopen.service.settings import LOOPBACK, ServiceSettings


def open_service(database_url: str, stack: str, checkout: Path, settings: ServiceSettings) -> Service:
    """A service with its tables up to date and the catalog in them. Raises CodeOpenError."""
    if settings.anonymous and settings.host not in LOOPBACK:
        raise SettingsError(
            f"--anonymous lets everybody in who reaches {settings.host}: listen on 127.0.0.1, or make a token"
        )
    stack_settings = read_settings(stack, read_stack_values(checkout, stack), checkout)
    catalog = read_catalog(stack_settings.catalog)
    database = open_database(database_url)
    upgrade(database)
    service = Service(
        settings, database, catalog, stack_settings.release, stack_settings.platforms[0], read_key(settings.key_file)
    )
    database.change(lambda connection: seed(connection, catalog, service.clock()))
    return service


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
