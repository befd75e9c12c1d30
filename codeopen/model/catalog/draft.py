"""The catalog as far as it is sound: what the cross-file checks work on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from codeopen.errors import Problem
from codeopen.model.catalog.gpus import Gpus
from codeopen.model.catalog.model import (
    Addon,
    Base,
    Check,
    Companion,
    Flavor,
    LegacyMapping,
    PopularCombination,
    Port,
    Tier,
    Upstream,
)
from codeopen.model.catalog.names import closest, known
from codeopen.model.catalog.source import Document, KeyPath, show_path

TOPICS: Final = ("tiers", "base", "flavors", "addons", "companions", "popular", "upstreams", "legacy", "gpus")
WHOLE: Final = frozenset({"base", "gpus"})  # files that are one entry, not many
OPTIONAL: Final = frozenset({"gpus", "companions"})  # files that a catalog may do without


@dataclass(frozen=True, slots=True)
class Draft:
    """The sound entries of each file, in the order of the file, and where everything stands.

    ``ids`` has the ids of unsound entries too, so that a reference to one is not called unknown; a topic in ``whole``
    has sound entries only, so that something may be said about all of them.
    """

    documents: Mapping[str, Document]
    ids: Mapping[str, Mapping[str, object]]
    whole: frozenset[str]
    base: Base | None
    tiers: Mapping[str, Tier]
    flavors: Mapping[str, Flavor]
    addons: Mapping[str, Addon]
    companions: Mapping[str, Companion]
    popular: Mapping[int, PopularCombination]
    upstreams: Mapping[str, Upstream]
    legacy: Mapping[str, LegacyMapping]
    gpus: Gpus | None

    def parts(self) -> Iterator[Part]:
        """Base, flavors, add-ons and companions, each as far as they are alike."""
        if self.base:
            base = self.base
            yield Part(("base",), base.ports, "ports", base.env, "env", base.checks, base.upstreams, base.platforms)
        for flavor in self.flavors.values():
            path = ("flavors", flavor.id)
            yield Part(path, (), "", {}, "", flavor.checks, flavor.upstreams, flavor.platforms)
        for addon in self.addons.values():
            path, ports, env = ("addons", addon.id), addon.extra_ports, addon.extra_env
            yield Part(path, ports, "extra_ports", env, "extra_env", addon.checks, addon.upstreams, addon.platforms)
        for companion in self.companions.values():
            path = ("companions", companion.id)
            yield Part(path, (), "", {}, "", companion.checks, companion.upstreams, companion.platforms)

    @property
    def has_all_parts(self) -> bool:
        """Whether something may be said about the parts as a whole."""
        absent = OPTIONAL - self.documents.keys()
        return self.whole | absent >= {"base", "flavors", "addons", "companions"}

    def problem(self, path: KeyPath, what: str, fix: str, *, at_key: bool = False) -> Problem:
        """A problem with the value at ``path``, or with its key."""
        document = self.documents[str(path[0])]
        place = document.key_place(path) if at_key else document.place(path)
        return Problem(place, show_path(path), what, fix)

    def unknown(self, topic: str, path: KeyPath, name: str) -> Iterator[Problem]:
        """The problem of a reference to an entry that is not there; none where its file can't be read."""
        if topic not in self.ids or name in self.ids[topic]:
            return
        sound = {"tiers": self.tiers, "flavors": self.flavors, "addons": self.addons, "upstreams": self.upstreams}[
            topic
        ]
        near = closest(name, sound)
        noun = NOUNS[topic]
        fix = f"did you mean {near}?" if near else f"use one of {known(sound)}, or add it to {topic}.yaml"
        yield self.problem(path, f'there is no {noun} "{name}"', fix)


NOUNS: Final[Mapping[str, str]] = {"tiers": "tier", "flavors": "flavor", "addons": "add-on", "upstreams": "upstream"}


@dataclass(frozen=True, slots=True)
class Part:
    """What base, flavors, add-ons and companions have in common, and the names of the keys that hold it."""

    path: KeyPath
    ports: tuple[Port, ...]
    ports_key: str
    env: Mapping[str, str]
    env_key: str
    checks: tuple[Check, ...]
    upstreams: tuple[str, ...]
    platforms: tuple[str, ...]


def combinable(one: Addon, other: Addon) -> bool:
    """Whether neither add-on names the other as incompatible."""
    return other.id not in one.incompatible_with and one.id not in other.incompatible_with


def items(path: KeyPath, names: Iterable[str]) -> Iterator[tuple[KeyPath, str]]:
    """Each item of a list with its path."""
    for index, name in enumerate(names):
        yield (*path, index), name
