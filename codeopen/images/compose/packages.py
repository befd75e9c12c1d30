"""The package manager's databases: what a part adds to the base's, and what a chain of installs would have left.

All parts take their packages from one archive snapshot, so that each package is there in one version. Source: dpkg(1)
"FILES", apt's ``extended_states``, deb-triggers(5), dpkg-divert(1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from codeopen.errors import ComposeError
from codeopen.images.compose.stanzas import Stanza, format_stanzas, parse_stanzas

STATUS: Final = "var/lib/dpkg/status"
EXTENDED_STATES: Final = "var/lib/apt/extended_states"
DIVERSIONS: Final = "var/lib/dpkg/diversions"
FILE_TRIGGERS: Final = "var/lib/dpkg/triggers/File"
DATABASES: Final = (STATUS, EXTENDED_STATES, DIVERSIONS, FILE_TRIGGERS)

Diversion = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Packages:
    """What the databases of an image say, or what a part's say beyond the base's.

    ``stanzas`` are dpkg's by ``name:architecture``. ``automatic`` are the packages that came as dependencies,
    ``by_name`` those that were asked for. A diversion is from, to and package; a trigger a path and the package that
    waits for it.
    """

    stanzas: Mapping[str, str]
    automatic: frozenset[str]
    by_name: frozenset[str]
    diversions: tuple[Diversion, ...]
    triggers: tuple[str, ...]

    def beyond(self, base: Packages) -> Packages:
        """What these databases say that the base's don't."""
        return Packages(
            stanzas={key: text for key, text in self.stanzas.items() if base.stanzas.get(key) != text},
            automatic=self.automatic - base.automatic,
            by_name=self.by_name - base.by_name,
            diversions=tuple(each for each in self.diversions if each not in base.diversions),
            triggers=tuple(each for each in self.triggers if each not in base.triggers),
        )


def read_packages(files: Mapping[str, bytes]) -> Packages:
    """The databases of an image, from the contents of those of its files that are in DATABASES. Raises ComposeError."""
    text = {name: files.get(name, b"").decode("utf-8", "surrogateescape") for name in DATABASES}
    installed = parse_stanzas(text[STATUS], STATUS)
    states = parse_stanzas(text[EXTENDED_STATES], EXTENDED_STATES)
    automatic = frozenset(_name(each) for each in states if each.fields.get("Auto-Installed") == "1")
    lines = text[DIVERSIONS].splitlines()
    if len(lines) % 3:
        raise ComposeError(f"{DIVERSIONS}: it has {len(lines)} lines, not three for each diversion")
    return Packages(
        stanzas={f"{_name(each)}:{each.fields.get('Architecture', '')}": each.text for each in installed},
        automatic=automatic,
        by_name=frozenset(_name(each) for each in installed) - automatic,
        diversions=tuple((lines[at], lines[at + 1], lines[at + 2]) for at in range(0, len(lines), 3)),
        triggers=tuple(text[FILE_TRIGGERS].splitlines()),
    )


def merge_packages(base: Packages, parts: Sequence[Packages]) -> Packages:
    """The databases of a combination; ``parts`` say what is beyond the base. The gate has passed them."""
    stanzas, automatic, by_name = dict(base.stanzas), set(base.automatic), set(base.by_name)
    for part in parts:
        stanzas |= part.stanzas
        automatic |= part.automatic
        by_name |= part.by_name
    return Packages(
        stanzas=stanzas,
        automatic=frozenset(automatic - by_name),
        by_name=frozenset(by_name),
        diversions=_union((base.diversions, *(part.diversions for part in parts))),
        triggers=_union((base.triggers, *(part.triggers for part in parts))),
    )


def write_packages(packages: Packages, architecture: str) -> dict[str, bytes]:
    """The database files that say this, ordered by name as dpkg and apt write them; empty ones are left out.

    ``architecture`` is the distribution's name of the image's, as ``amd64``: apt writes it for every package.
    """
    states = (
        f"Package: {name}\nArchitecture: {architecture}\nAuto-Installed: 1" for name in sorted(packages.automatic)
    )
    files = {
        STATUS: format_stanzas(packages.stanzas[key] for key in sorted(packages.stanzas)),
        EXTENDED_STATES: format_stanzas(states),
        DIVERSIONS: "".join(f"{line}\n" for diversion in packages.diversions for line in diversion),
        FILE_TRIGGERS: "".join(f"{line}\n" for line in packages.triggers),
    }
    return {name: text.encode("utf-8", "surrogateescape") for name, text in files.items() if text}


def _union(lists: Iterable[tuple[str, ...]] | Iterable[tuple[Diversion, ...]]) -> tuple:  # type: ignore[type-arg]
    return tuple(dict.fromkeys(item for items in lists for item in items))


def _name(stanza: Stanza) -> str:
    try:
        return stanza.fields["Package"]
    except KeyError:
        raise ComposeError(f"{STATUS}: a stanza has no Package; build the part again") from None
