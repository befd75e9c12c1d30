"""The closest valid name for a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

# Comparing is slow, and a guess among more names than this helps nobody.
_MOST_CANDIDATES: Final = 200


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that looks most like ``name``; None where none does, or where there are too many to compare."""
    names = sorted(candidates)
    if len(names) > _MOST_CANDIDATES:
        return None
    near = [candidate for candidate in names if abs(len(candidate) - len(name)) <= max(3, len(name) // 2)]
    matches = get_close_matches(name[:100], near, n=1, cutoff=0.6)
    return matches[0] if matches else None


def known(candidates: Iterable[str]) -> str:
    """The names for a message, the first few of them where there are many."""
    names = list(candidates)
    shown = ", ".join(names[:12])
    return f"{shown}, …" if len(names) > 12 else shown or "none"  # noqa: PLR2004  a line's worth of names
