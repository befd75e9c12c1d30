"""Where a path leads when symbolic links are followed, as ``/lib/x`` does where ``/lib`` is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from codeopen.images.compose.entries import Entry, EntryKind

_MOST_LINKS: Final = 40  # as many as the kernel follows


def read_links(entries: Mapping[str, Entry]) -> dict[str, str]:
    """The targets of the symbolic links among entries, by path."""
    return {path: entry.content for path, entry in entries.items() if entry.kind is EntryKind.SYMLINK}


def real_path(path: str, links: Mapping[str, str], *, follow_last: bool = False) -> str:
    """A path as a layer names it, without a leading slash, with the links among its folders followed.

    Its last word is only followed if asked for. A path that goes round in circles ends somewhere in them.
    """
    left = path.split("/")[::-1]
    if follow_last:
        left.insert(0, ".")
    real: list[str] = []
    followed = 0
    while left:
        word = left.pop()
        if word in {"", "."}:
            continue
        if word == "..":
            del real[-1:]
            continue
        target = links.get("/".join((*real, word))) if left and followed < _MOST_LINKS else None
        if target is None:
            real.append(word)
            continue
        followed += 1
        if target.startswith("/"):
            real.clear()
        left += target.split("/")[::-1]
    return "/".join(real)
