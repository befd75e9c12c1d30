"""The page of the cluster's settings is what the settings are."""

from __future__ import annotations

import os
from pathlib import Path

from codeopen.environment.cluster_reference import render_reference

PAGE = Path(__file__).parents[3] / "docs/reference/cluster.md"


def test_the_page_is_made_from_the_settings() -> None:
    made = render_reference()
    if os.environ.get("CODEOPEN_UPDATE_GOLDENS"):
        PAGE.write_text(made)
    assert PAGE.read_text() == made, "CODEOPEN_UPDATE_GOLDENS=1 pytest tests/unit/environment/test_cluster_reference.py"


def test_every_key_is_told_with_its_default() -> None:
    page = render_reference()
    assert "| `upgradeAfterHours` | whole number | `0` |" in page
    assert "| `domain` | text | required |" in page
    assert "## `codeopen:cluster.registry.store`" in page
