"""debconf's databases: the answers (``config.dat``) and the questions (``templates.dat``) of installed packages.

Source: debconf's ``DbDriver::File`` with the format 822: stanzas by ``Name``, each with the packages that own it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from codeopen.errors import ComposeError
from codeopen.images.compose.stanzas import Stanza, format_stanzas, parse_stanzas

DATABASES: Final = (
    "var/cache/debconf/config.dat",
    "var/cache/debconf/templates.dat",
    "var/cache/debconf/passwords.dat",
)


def merge_debconf(name: str, base: bytes, parts: Sequence[bytes]) -> bytes:
    """The union of one database, with the owners of each item together, ordered by name.

    Raises ComposeError where two parts answer a question in two ways.
    """
    merged: dict[str, Stanza] = {}
    for content in (base, *parts):
        for stanza in _read(name, content):
            item = stanza.fields.get("Name", "")
            before = merged.get(item)
            merged[item] = stanza if before is None else _together(name, before, stanza)
    text = format_stanzas(merged[item].text for item in sorted(merged))
    return text.encode("utf-8", "surrogateescape")


# A part's databases are the same in all its combinations.
@lru_cache(maxsize=128)
def _read(name: str, content: bytes) -> tuple[Stanza, ...]:
    return parse_stanzas(content.decode("utf-8", "surrogateescape"), name)


def _together(name: str, one: Stanza, other: Stanza) -> Stanza:
    if one.text == other.text:
        return one
    if _without_owners(one.fields) != _without_owners(other.fields):
        raise ComposeError(f"{name}: {one.fields.get('Name')} has two different answers")
    owners = ", ".join(sorted(set(_owners(one)) | set(_owners(other))))
    lines = [f"Owners: {owners}" if line.startswith("Owners:") else line for line in one.text.split("\n")]
    return Stanza("\n".join(lines), {**one.fields, "Owners": owners})


def _owners(stanza: Stanza) -> Iterable[str]:
    return (owner.strip() for owner in stanza.fields.get("Owners", "").split(",") if owner.strip())


def _without_owners(fields: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in fields.items() if key != "Owners"}
