"""What every request works on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from cryptography.fernet import Fernet
from fastapi import Request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from codeopen.model.catalog.model import Catalog
from codeopen.model.selection.name import Release
from codeopen.service.api.metrics import Metrics
from codeopen.service.database.opening import Database
from codeopen.service.identity import utc_now
from codeopen.service.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Service:
    """An open database, the catalog that was read at the start, and what counts requests."""

    settings: ServiceSettings
    database: Database
    catalog: Catalog
    release: Release
    platform: str
    key: Fernet
    clock: Callable[[], datetime] = utc_now
    metrics: Metrics = field(default_factory=Metrics)
    limiter: MovingWindowRateLimiter = field(default_factory=lambda: MovingWindowRateLimiter(MemoryStorage()))

    @property
    def rate(self) -> RateLimitItem:
        return parse(self.settings.rate)


def service_of(request: Request) -> Service:
    """The service that an application was made with."""
    return cast(Service, request.app.state.service)
