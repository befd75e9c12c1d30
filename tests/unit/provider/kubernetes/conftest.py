from __future__ import annotations

from collections.abc import Iterator

import pytest

from provider.kubernetes import api as api_module
from tests.unit.provider.kubernetes.scripted_api import ScriptedApi, scripted_api


@pytest.fixture
def server() -> Iterator[ScriptedApi]:
    with scripted_api() as started:
        yield started


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_module, "FIRST_PAUSE", 0.001)
