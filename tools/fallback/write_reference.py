"""Writes the pages of docs/reference that are made from the plugins' tables."""

from __future__ import annotations

from pathlib import Path

from fallback_plugins.reference import pages

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"

if __name__ == "__main__":
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
