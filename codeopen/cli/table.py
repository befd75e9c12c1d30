"""Tables for people: aligned columns of plain text."""

from __future__ import annotations

from collections.abc import Sequence


def render_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, two spaces between; no spaces at line ends."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )


def render_pairs(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values in two columns."""
    width = max(len(name) for name, _ in pairs)
    return "".join(f"{name.ljust(width)}  {value}".rstrip() + "\n" for name, value in pairs)


def short_digest(digest: str) -> str:
    """The first twelve digits of a digest, enough for people to tell plans apart."""
    return digest.removeprefix("sha256:")[:12]
