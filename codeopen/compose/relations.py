"""What packages say about others: which they can't be there together with, and which they need.

Source: Debian Policy 7.1 to 7.6, "Depends", "Breaks", "Conflicts", "Provides".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from codeopen.compose.packages import STATUS, Packages
from codeopen.compose.stanzas import Stanza, parse_stanzas
from codeopen.compose.versions import VersionKey, version_key

_EXCLUDING: Final = ("Conflicts", "Breaks")
# Recommended ones are never installed (install-packages.sh).
_NEEDING: Final = ("Pre-Depends", "Depends")
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


@dataclass(frozen=True, slots=True, order=True)
class Choice:
    """A package that apt chose for what ``dependent`` needs, and that would not have come had ``met_by`` been there."""

    package: str
    dependent: str
    needed: str
    met_by: str


# Any of these relations is enough.
Alternatives = tuple[Relation, ...]
# Name and version of the packages that are, or provide, a name.
_Offers = Mapping[str, Sequence[tuple[str, str]]]


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
    offered = _offers(_installed(others))
    for package in _installed(packages):
        name = package.fields.get("Package", "")
        for field in _EXCLUDING:
            for relation in read_relations(package.fields.get(field, "")):
                for other_name, version in offered.get(relation.name, ()):
                    if other_name != name and relation.holds(version):
                        yield Exclusion(name, field, str(relation), other_name)


def find_choices(base: Packages, first: Packages, second: Packages) -> Iterator[Choice]:
    """The packages of ``second`` that apt would perhaps have left out, had it installed them where ``first`` was.

    Both say what is beyond the base. Alone, apt meets ``a | b`` with ``a``; where the first part has ``b``, or a
    package that provides what is needed, it installs nothing. A package that was asked for by name comes all the
    same, and so does one that such a package needs without any choice.
    """
    earlier, packages = (tuple(_installed(each.stanzas.values())) for each in (first, second))
    present, own = _offers(earlier), _offers(packages)
    there_already = {package.fields.get("Package", "") for package in earlier}
    left_out = [
        (group, Choice(name, dependent, " | ".join(map(str, group)), met[0]))
        for dependent, group in _dependencies(packages)
        if (met := _meeting(group, present))
        for name in _meeting(group, own)
        if name not in there_already
    ]
    if not left_out:
        return
    there = _offers(_installed(base.stanzas.values()))
    met_before = {group for group, _ in left_out if _meeting(group, there)}
    needed = _surely_needed(packages, second.by_name, (present, there))
    yield from (choice for group, choice in left_out if group not in met_before and choice.package not in needed)


def _surely_needed(packages: Sequence[Stanza], asked: Iterable[str], present: Sequence[_Offers]) -> set[str]:
    """The packages asked for, and what they need by a single name that nothing of what is present meets."""
    needs: dict[str, set[str]] = {}
    for dependent, group in _dependencies(packages):
        if len(group) == 1 and not any(_meeting(group, offers) for offers in present):
            needs.setdefault(dependent, set()).add(group[0].name)
    found: set[str] = set()
    waiting = {package.fields.get("Package", "") for package in packages} & set(asked)
    while waiting:
        found |= waiting
        waiting = {name for dependent in waiting for name in needs.get(dependent, ())} - found
    return found


def _dependencies(packages: Iterable[Stanza]) -> Iterator[tuple[str, Alternatives]]:
    for package in packages:
        for field in _NEEDING:
            for group in read_dependencies(package.fields.get(field, "")):
                yield package.fields.get("Package", ""), group


def _offers(packages: Iterable[Stanza]) -> _Offers:
    offered: dict[str, list[tuple[str, str]]] = {}
    for package in packages:
        name = package.fields.get("Package", "")
        offered.setdefault(name, []).append((name, package.fields.get("Version", "")))
        for provided in read_relations(package.fields.get("Provides", "")):
            offered.setdefault(provided.name, []).append((name, provided.version))
    return offered


def _meeting(group: Alternatives, offers: _Offers) -> list[str]:
    """The names of the packages that meet one of the alternatives."""
    return [name for each in group for name, version in offers.get(each.name, ()) if each.holds(version)]


def _installed(stanzas: Iterable[str]) -> Iterator[Stanza]:
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
