"""Files of stanzas, as dpkg, apt and debconf keep them.

A stanza is ``Field: value`` lines, continued by lines that begin with a blank; an empty line ends it.
Source: Debian Policy 5.1, "Syntax of control files"; dpkg's and apt's databases use the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from codeopen.errors import ComposeError


@dataclass(frozen=True, slots=True)
class Stanza:
    """One stanza: its text without the final newline, and its fields, continued lines included."""

    text: str
    fields: Mapping[str, str]


def parse_stanzas(text: str, name: str) -> tuple[Stanza, ...]:
    """The stanzas of a file called ``name``. Raises ComposeError for a line that is neither field nor continuation."""
    return tuple(Stanza(block, _fields(block, name)) for block in _blocks(text))


def format_stanzas(stanzas: Iterable[str]) -> str:
    """A file of these stanzas, each followed by an empty line."""
    return "".join(f"{stanza}\n\n" for stanza in stanzas)


def _blocks(text: str) -> list[str]:
    return [block.strip("\n") for block in text.split("\n\n") if block.strip("\n")]


def _fields(block: str, name: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    last = ""
    for line in block.split("\n"):
        if line[:1] in {" ", "\t"} and last:
            fields[last] += f"\n{line}"
            continue
        key, colon, value = line.partition(":")
        if not colon or not key or key != key.strip():
            raise ComposeError(f"{name}: {line!r} is neither a field nor continues one; build the part again")
        fields[key] = value.strip()
        last = key
    return fields
