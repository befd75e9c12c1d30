"""The order of Debian's package versions. Source: deb-version(7), "Sorting algorithm"."""

from __future__ import annotations

import re
from typing import Final

_VERSION: Final = re.compile(r"(?:([0-9]+):)?(.*?)(?:-([^-]*))?", re.DOTALL)
# A version is words and numbers in turn; there is an empty pair at the end.
_PIECES: Final = re.compile(r"([^0-9]*)([0-9]*)")

_Number = tuple[int, str]
VersionKey = tuple[_Number, tuple[tuple[tuple[int, ...], _Number], ...], tuple[tuple[tuple[int, ...], _Number], ...]]


def version_key(version: str) -> VersionKey:
    """Versions are sorted by this, ``1.0~rc1`` before ``1.0``, ``2`` before ``10``, and ``9`` before ``1:1``."""
    match = _VERSION.fullmatch(version)
    epoch, upstream, revision = match.groups() if match else (None, version, None)
    return _number(epoch or ""), _pieces(upstream), _pieces(revision or "")


def _pieces(text: str) -> tuple[tuple[tuple[int, ...], _Number], ...]:
    # None is the same as 0.
    return tuple((_word(word), _number(number)) for word, number in _PIECES.findall(text or "0"))


def _word(word: str) -> tuple[int, ...]:
    """A tilde comes before the end, letters before all else."""
    order = (-1 if char == "~" else ord(char) if char.isalpha() else ord(char) + 0x110000 for char in word)
    return (*order, 0)


def _number(digits: str) -> _Number:
    """By its length, then its digits: a number may be longer than Python reads."""
    significant = digits.lstrip("0")
    return len(significant), significant
