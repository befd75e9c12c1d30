"""What packages say about others: which they can't be there together with, and which they need.

Source: Debian Policy 7.1 to 7.6, "Depends", "Breaks", "Conflicts", "Provides".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from codeopen.images.compose.packages import STATUS
from codeopen.images.compose.stanzas import Stanza, parse_stanzas
from codeopen.images.compose.versions import VersionKey, version_key

_EXCLUDING: Final = ("Conflicts", "Breaks")
# The architecture behind a name is read over: what excludes one of them is taken to exclude all.
_RELATION: Final = re.compile(r"\s*([^\s:(\[]+)(?::[\w-]+)?\s*(?:\(\s*([<>=]+)\s*([^\s)]+)\s*\))?")
# Of a package in these states only its settings are there, which excludes nothing.
_GONE: Final = ("config-files", "not-installed")
_HOLDS: Final[Mapping[str, Callable[[VersionKey, VersionKey], bool]]] = {
    "<<": lambda version, limit: version < limit,
    "<=": lambda version, limit: version <= limit,
    "<": lambda version, limit: version <= limit,  # as dpkg reads it for old packages' sake
    "=": lambda version, limit: version == limit,
    ">=": lambda version, limit: version >= limit,
    ">": lambda version, limit: version >= limit,
    ">>": lambda version, limit: version > limit,
}


@dataclass(frozen=True, slots=True)
class Relation:
    """A name, and which of its versions are meant; all where ``operator`` is empty."""

    name: str
    operator: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.operator} {self.version})" if self.operator else self.name

    def holds(self, version: str) -> bool:
        """Whether a version is meant. One that is not known is only where all are."""
        if not self.operator:
            return True
        return bool(version) and _HOLDS.get(self.operator, _always)(version_key(version), version_key(self.version))


@dataclass(frozen=True, slots=True, order=True)
class Exclusion:
    """A package that says it can't be there together with another one: by which field, and of what name."""

    package: str
    field: str
    relation: str
    other: str


# Any of these relations is enough.
Alternatives = tuple[Relation, ...]
# Name and version of the packages that are, or provide, a name.
Offers = Mapping[str, Sequence[tuple[str, str]]]


# Packages say the same of others in all pairs of their part.
@lru_cache(maxsize=16384)
def read_relations(text: str) -> tuple[Relation, ...]:
    """The relations of a field: ``a (<< 1.0), b`` are two."""
    matches = (_RELATION.match(item) for item in text.split(","))
    return tuple(Relation(match[1], match[2] or "", match[3] or "") for match in matches if match)


@lru_cache(maxsize=16384)
def read_dependencies(text: str) -> tuple[Alternatives, ...]:
    """The relations of a field with alternatives: ``a, b | c`` are two, the second with two."""
    found = (tuple(each for item in group.split("|") for each in read_relations(item)) for group in text.split(","))
    return tuple(group for group in found if group)


def find_exclusions(packages: Iterable[str], others: Iterable[str]) -> Iterator[Exclusion]:
    """What packages say against others, both as dpkg's stanzas; none excludes itself or what it provides."""
    offered = read_offers(installed(others))
    for package in installed(packages):
        name = package.fields.get("Package", "")
        for field in _EXCLUDING:
            for relation in read_relations(package.fields.get(field, "")):
                for other_name, version in offered.get(relation.name, ()):
                    if other_name != name and relation.holds(version):
                        yield Exclusion(name, field, str(relation), other_name)


def read_offers(packages: Iterable[Stanza]) -> Offers:
    """What packages are and provide."""
    offered: dict[str, list[tuple[str, str]]] = {}
    for package in packages:
        name = package.fields.get("Package", "")
        offered.setdefault(name, []).append((name, package.fields.get("Version", "")))
        for provided in read_relations(package.fields.get("Provides", "")):
            offered.setdefault(provided.name, []).append((name, provided.version))
    return offered


def meeting(group: Alternatives, offers: Offers) -> list[str]:
    """The names of the packages that meet one of the alternatives."""
    return [name for each in group for name, version in offers.get(each.name, ()) if each.holds(version)]


def installed(stanzas: Iterable[str]) -> Iterator[Stanza]:
    """The stanzas of packages that are more than their settings, read."""
    for text in stanzas:
        for stanza in _parse(text):
            if not stanza.fields.get("Status", "").endswith(_GONE):
                yield stanza


@lru_cache(maxsize=8192)
def _parse(text: str) -> tuple[Stanza, ...]:
    return parse_stanzas(text, STATUS)


def _always(version: VersionKey, limit: VersionKey) -> bool:
    """For an operator that nobody knows: what may be excluded is."""
    del version, limit
    return True
