"""What tags say, and which of a repository's generations are the newer ones.

A registry does not tell when something was written. An image that BuildKit built says it; a composed image has a fixed
time, so that it is the same everywhere. Its age is that of the newest image that it has all layers of: that is a part
it was composed from, and no combination is older than its parts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from codeopen.images.compose.part_index import EMPTY_LAYER
from codeopen.images.retention.stored import Inventory, Key, Kind, StoredManifest, StoredRepository
from codeopen.model.selection.version import is_released

_PLAN: Final = re.compile(r"plan-[0-9a-f]+")
# The referrers tag, and the tags of signatures and the like that are made in its image.
_REFERRERS: Final = re.compile(r"(sha256)-([0-9a-f]{64})(?:\.[a-z]+)?")


def subject_of_tag(tag: str) -> str:
    """The digest that a referrers tag is about; empty for other tags."""
    match = _REFERRERS.fullmatch(tag)
    return f"{match[1]}:{match[2]}" if match else ""


def is_plan(tag: str) -> bool:
    """Whether a tag names what was built for one plan."""
    return _PLAN.fullmatch(tag) is not None


def is_moving(tag: str) -> bool:
    """Whether a tag is of the build and may go with its generation: a plan's, or a pre-release."""
    return is_plan(tag) or not is_released(tag)


def newest_pre_release(tags: Iterable[str]) -> str:
    """The highest pre-release among tags; empty where there is none. Source: semver.org 2.0.0, item 11."""
    return max((tag for tag in tags if not is_released(tag)), key=_precedence, default="")


def _precedence(version: str) -> tuple[list[int], list[tuple[int, int, str]]]:
    core, _, identifiers = version.partition("_")[0].partition("-")
    words = identifiers.split(".")
    # Numbers are lower than words; a longer list is higher than its beginning.
    return [int(number) for number in core.split(".")], [
        (0, int(word), "") if word.isdigit() else (1, 0, word) for word in words
    ]


class LayerSets:
    """Finds the images whose layers another image has; empty layers, which composing leaves out, don't count."""

    def __init__(self, inventory: Inventory) -> None:
        self.layers = {
            key: frozenset(manifest.diff_ids) - {EMPTY_LAYER}
            for key, manifest in inventory
            if manifest.kind is Kind.IMAGE
        }
        self._by_last: defaultdict[str, list[Key]] = defaultdict(list)
        for key, manifest in inventory:
            if own := [layer for layer in manifest.diff_ids if layer in self.layers.get(key, ())]:
                self._by_last[own[-1]].append(key)

    def within(self, key: Key) -> list[Key]:
        """The other images that have no layer that this one lacks."""
        own = self.layers.get(key, frozenset[str]())
        found = [other for layer in sorted(own) for other in self._by_last.get(layer, ())]
        return [other for other in found if other != key and self.layers[other] <= own]


def read_ages(inventory: Inventory, sets: LayerSets) -> Mapping[Key, datetime]:
    """When each manifest was made at the earliest; those that nothing tells about are left out."""
    ages = {key: manifest.created for key, manifest in inventory if manifest.created is not None}
    said = dict(ages)
    for key, manifest in inventory:
        if key not in said and manifest.kind is Kind.IMAGE:
            times = [said[part] for part in sets.within(key) if part in said]
            if times:
                ages[key] = max(times)
    for key, manifest in inventory:
        if manifest.kind is Kind.INDEX:
            times = [ages[child] for digest in manifest.children if (child := Key(key.repository, digest)) in ages]
            if times:
                ages[key] = max(times)
    return ages


def generations_of(repository: StoredRepository) -> tuple[StoredManifest, ...]:
    """The manifests that only plans and pre-releases name."""
    named: defaultdict[str, list[str]] = defaultdict(list)
    for tag, digest in repository.tags.items():
        if not subject_of_tag(tag):
            named[digest].append(tag)
    return tuple(
        repository.manifests[digest]
        for digest, tags in sorted(named.items())
        if digest in repository.manifests and all(is_moving(tag) for tag in tags)
    )
