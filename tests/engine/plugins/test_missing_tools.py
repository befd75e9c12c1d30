"""What a test does whose tools are missing."""

from __future__ import annotations

import pytest
from _pytest.outcomes import Failed, Skipped

from tests.engine.plugins.conftest import do_without


@pytest.mark.parametrize(("ci", "outcome"), [("true", Failed), ("", Skipped), (None, Skipped)])
def test_a_missing_tool_skips_a_test_but_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str | None, outcome: type[BaseException]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no registry; run: make setup"):
        do_without("no registry; run: make setup")
