from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.stand_ins import StandIns


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    return StandIns(tmp_path / "stand-ins", monkeypatch)
