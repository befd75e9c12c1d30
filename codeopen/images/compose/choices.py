"""Packages that apt chose because of what was there: on another part it would have chosen otherwise.

Alone, apt meets ``a | b`` with ``a``; where the part below has ``b``, it installs nothing. What it marks, it marks in
the order of the names that it is given, each with all that it needs: a package that comes later, or not at all, may
change what is chosen for the next one. Source: Debian Policy 7.2 and 7.5; apt's ``pkgDepCache::MarkInstall``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from codeopen.images.compose.packages import Packages
from codeopen.images.compose.relations import Alternatives, Offers, installed, meeting, read_dependencies, read_offers
from codeopen.images.compose.stanzas import Stanza

# Recommended ones are never installed (install-packages.sh).
_NEEDING: Final = ("Pre-Depends", "Depends")


@dataclass(frozen=True, slots=True, order=True)
class Choice:
    """A package that came for what ``dependent`` needs, and that might not have come had ``met_by`` been there."""

    package: str
    dependent: str
    needed: str
    met_by: str


@dataclass(frozen=True, slots=True)
class _Need:
    """What a package needs, and the packages of its own part that meet it."""

    dependent: str
    group: Alternatives
    met: frozenset[str]

    @property
    def first(self) -> str:
        """What apt takes where there is nothing yet."""
        return self.group[0].name

    @property
    def certain(self) -> bool:
        """Whether there is one answer, whatever is marked before."""
        return self.met == {self.first}


def find_choices(base: Packages, first: Packages, second: Packages) -> Iterator[Choice]:
    """The choices of ``second`` that apt would perhaps not have made, had it installed it where ``first`` was.

    Both say what is beyond the base. For each need there is one, of the package that apt looks at first. There is none
    for a package that was asked for by name, nor for one that comes all the same and changes no other choice.
    """
    earlier, packages = (tuple(installed(each.stanzas.values())) for each in (first, second))
    present, own = read_offers(earlier), read_offers(packages)
    asked = _names(packages) & second.by_name
    surely_there = asked | _names(earlier)
    needs = tuple(_needs(packages, own))
    met_elsewhere = [(need, met[0]) for need in needs if (met := meeting(need.group, present))]
    if all(need.met <= surely_there for need, _ in met_elsewhere):
        return
    there = read_offers(installed(base.stanzas.values()))
    unmet = [need for need in needs if not any(meeting(need.group, offers) for offers in (present, there))]
    needed = _reached(asked, (need for need in unmet if need.certain))
    by_order = [need.met for need in unmet if not need.certain and need.met.isdisjoint(asked)]
    told = set()
    for need, met_by in met_elsewhere:
        if need.group in told or meeting(need.group, there):
            continue
        for name in sorted(need.met - surely_there, key=lambda name: (name != need.first, name)):
            later = _reached({name}, needs)
            if name not in needed or not all(later.isdisjoint(met) for met in by_order):
                told.add(need.group)
                yield Choice(name, need.dependent, " | ".join(map(str, need.group)), met_by)
                break


def _needs(packages: Sequence[Stanza], own: Offers) -> Iterator[_Need]:
    for package in packages:
        for field in _NEEDING:
            for group in read_dependencies(package.fields.get(field, "")):
                yield _Need(package.fields.get("Package", ""), group, frozenset(meeting(group, own)))


def _names(packages: Iterable[Stanza]) -> AbstractSet[str]:
    return {package.fields.get("Package", "") for package in packages}


def _reached(names: AbstractSet[str], needs: Iterable[_Need]) -> AbstractSet[str]:
    """These packages and all that they need, as far as the part has it."""
    leads: dict[str, set[str]] = {}
    for need in needs:
        leads.setdefault(need.dependent, set()).update(need.met)
    reached, waiting = set(names), list(names)
    while waiting:
        more = leads.get(waiting.pop(), set()) - reached
        reached |= more
        waiting += more
    return reached
