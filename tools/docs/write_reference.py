"""Writes the pages of docs/reference that are made from code and data: ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
sys.path += [str(CHECKOUT), str(CHECKOUT / "tools" / "docs"), str(CHECKOUT / "tools" / "fallback")]

from reference_pages import pages

if __name__ == "__main__":
    for name, text in pages(CHECKOUT).items():
        (CHECKOUT / "docs" / "reference" / name).write_text(text, encoding="utf-8")
