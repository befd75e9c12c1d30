"""The fix for an unknown name: the closest valid one, or all that are valid."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

_MOST_LISTED: Final = 20


def closest(word: str, valid: Iterable[str]) -> str:
    """What to do instead of the unknown ``word``, as ``did you mean 'gui'? Valid are: gui, gpu``."""
    names = list(valid)
    if not names:
        return "the catalog has none: leave it out"
    listed = ", ".join(names[:_MOST_LISTED]) + (", ..." if len(names) > _MOST_LISTED else "")
    match = difflib.get_close_matches(word.lower(), names, n=1)
    return f"did you mean {match[0]!r}? Valid are: {listed}" if match else f"use one of: {listed}"
