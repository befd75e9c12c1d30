"""The same scripted API server as for the shared client."""

from __future__ import annotations

from tests.unit.provider.kubernetes.conftest import server, short_pauses

__all__ = ["server", "short_pauses"]
