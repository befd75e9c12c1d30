"""Writes a new version and new digests into the catalog's text: comments, order and quotes stay as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from codeopen.errors import UpstreamError
from codeopen.model.catalog.source import Document, KeyPath, parse

_DIGEST: Final = r"sha256:[0-9a-f]{64}"
_FIRST_NUMBERS: Final = re.compile(r"\d+(?:\\\.\d+)*")


def replace_version(text: str, old: str, new: str, digests: Mapping[str, str] | None = None) -> str:
    """``old`` as ``new`` wherever it stands as a whole version, and digests as others; nothing inside of a digest."""
    number = re.escape(old.removeprefix("v"))
    pattern = re.compile(rf"{_DIGEST}|(?<!\d)(?<!\d\.){number}(?!\d|\.\d)")
    changed = digests or {}

    def put(found: re.Match[str]) -> str:
        if found[0].startswith("sha256:"):
            return changed.get(found[0], found[0])
        return new.removeprefix("v")

    return pattern.sub(put, text)


def rewrite_upstream(document: Document, name: str, new: str, digests: Mapping[str, str]) -> str:
    """The catalog's text with an upstream at another version; ``digests`` are the new ones by the old ones.

    A version that its reference, its files' URLs or its substitute repeat moves with it. Raises UpstreamError where the
    text would not say what it should afterwards.
    """
    entry = document.value["upstreams"][name]
    lines = document.text.splitlines(keepends=True)
    first, last = _block(document, name, len(lines))
    block = replace_version("".join(lines[first:last]), entry["version"], new, digests)
    text = "".join(lines[:first]) + block + "".join(lines[last:])
    if _version(text, document.file, name) != new:  # a plain scalar as 3.1, which is a number
        block = re.sub(rf"(?m)^(\s+version:) {re.escape(new)}\s*$", rf'\1 "{new}"', block, count=1)
        text = "".join(lines[:first]) + block + "".join(lines[last:])
    if _version(text, document.file, name) != new:
        place = document.place(("upstreams", name, "version"))
        raise UpstreamError(f"{place}: upstreams.{name}.version: {new} can't be written here; write it by hand")
    return text


def rewrite_checks(document: Document, name: str, new: str) -> str:
    """The text of a catalog's file, whose checks named as the upstream ask for the new version's first numbers."""
    lines = document.text.splitlines(keepends=True)
    for path, output in _checks(document.value, name, ()):
        asked = _FIRST_NUMBERS.search(output)
        if asked is None:
            continue
        numbers = asked[0].split(r"\.")
        wanted = new.removeprefix("v").split(".")[: len(numbers)]
        number = document.place((*path, "output")).line - 1
        lines[number] = lines[number].replace(asked[0], r"\.".join(wanted), 1)
    return "".join(lines)


def _checks(value: Any, name: str, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, dict):
        if value.get("name") == name and isinstance(value.get("output"), str):
            yield path, value["output"]
        for key, inner in value.items():
            yield from _checks(inner, name, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _checks(inner, name, (*path, index))


def _block(document: Document, name: str, end: int) -> tuple[int, int]:
    """The lines of an upstream's entry, counted from 0: from its key to the next key."""
    first = document.key_place(("upstreams", name)).line - 1
    keys = [document.key_place(("upstreams", other)).line - 1 for other in document.value["upstreams"]]
    keys += [document.key_place((other,)).line - 1 for other in document.value]
    return first, min((key for key in keys if key > first), default=end)


def _version(text: str, file: str, name: str) -> str:
    document, _ = parse(file, text)
    return str(document.value["upstreams"][name]["version"]) if document and _is_text(document, name) else ""


def _is_text(document: Document, name: str) -> bool:
    return isinstance(document.value["upstreams"][name]["version"], str)
