from __future__ import annotations

from pathlib import Path

from codeopen_plugins.reference import render

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "fallback-plugins.md"


def test_the_reference_page_says_what_the_plugins_do() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), (
        "write it again: python tools/plugins/write_reference.py > docs/reference/fallback-plugins.md"
    )
