"""What a terminal can show: colours, and a line that is rewritten. Pipes, files and CI get plain text."""

from __future__ import annotations

import os
import re
from typing import Final, TextIO

_CLEAR: Final = "\r\x1b[K"
_RED, _GREEN, _YELLOW = 31, 32, 33
_STATES: Final = {
    "healthy": _GREEN,
    "ready": _GREEN,
    "unhealthy": _RED,
    "failed": _RED,
    "starting": _YELLOW,
    "in-use": _YELLOW,
    "not-started": _YELLOW,
}
# A whole cell of a table: columns are two spaces apart.
_STATE: Final = re.compile(rf"(?<=  )(?:{'|'.join(_STATES)})(?=  |$)", re.MULTILINE)
_ERROR: Final = re.compile(r"\A[^\n]+?(?=: )")
_USUAL_COLUMNS: Final = 80


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person sees the stream."""
    return stream is not None and stream.isatty()


def is_live(stream: TextIO | None) -> bool:
    """Whether the stream is a terminal that can rewrite a line."""
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def has_colours(stream: TextIO | None) -> bool:
    """Whether colours may be written; ``NO_COLOR`` (no-color.org) and ``CI`` forbid them."""
    return is_live(stream) and not os.environ.get("NO_COLOR") and not os.environ.get("CI")


def rewritten(stream: TextIO, text: str) -> str:
    """A text in place of the line that stands there, cut so that it never wraps: a wrapped line stays behind."""
    return f"{_CLEAR}{text[: _columns(stream) - 1]}"


def paint_states(text: str) -> str:
    """The states in the cells of a table, in colours."""
    return _STATE.sub(lambda match: _paint(match[0], _STATES[match[0]]), text)


def paint_error(text: str) -> str:
    """What an error is about, in red."""
    return _ERROR.sub(lambda match: _paint(match[0], _RED), text)


def _paint(text: str, colour: int) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"


def _columns(stream: TextIO) -> int:
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_COLUMNS
    except (OSError, ValueError):
        return _USUAL_COLUMNS
