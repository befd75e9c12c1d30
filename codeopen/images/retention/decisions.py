"""Decides what a registry keeps. Pure: the same inventory, rules and time give the same plan.

A manifest is kept with all its tags, or removed with all of them: a tag costs nothing as long as its manifest stays,
and registries delete by digest. Whatever a tag of another kind names (``latest``) was named by a person, and is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from codeopen.images.retention.ages import (
    LayerSets,
    generations_of,
    is_moving,
    newest_pre_release,
    read_ages,
    subject_of_tag,
)
from codeopen.images.retention.needs import Needs
from codeopen.images.retention.references import Reference
from codeopen.images.retention.stored import Inventory, Key, Kind


@dataclass(frozen=True, slots=True)
class KeepRules:
    """What is kept besides released versions. ``locked`` repositories are left as they are.

    ``allow_missing``: references that name nothing are no reason to remove nothing.
    """

    generations: int = 3
    grace: timedelta = timedelta(hours=24)
    references: tuple[Reference, ...] = ()
    locked: frozenset[str] = field(default_factory=frozenset)
    allow_missing: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one manifest, and why."""

    key: Key
    tags: tuple[str, ...]
    kind: Kind
    kept: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """All decisions, what the registry's own collector will free, and the references that name nothing here."""

    decisions: tuple[Decision, ...]
    freed: Mapping[str, int]
    missing: tuple[Reference, ...]

    @property
    def removed(self) -> tuple[Decision, ...]:
        return tuple(decision for decision in self.decisions if not decision.kept)

    @property
    def freed_bytes(self) -> int:
        return sum(self.freed.values())


def make_plan(inventory: Inventory, rules: KeepRules, now: datetime) -> RetentionPlan:
    """What to keep and what to remove. Never removes what a kept tag, index or combination needs."""
    sets = LayerSets(inventory)
    ages = read_ages(inventory, sets)
    kept: dict[Key, list[str]] = {}
    for key, reason in _roots(inventory, rules, ages, now):
        kept.setdefault(key, []).append(reason)
    _keep_needed(inventory, sets, kept)
    decisions = tuple(
        Decision(
            key,
            inventory.repositories[key.repository].tags_of(key.digest),
            manifest.kind,
            kept=key in kept,
            reasons=tuple(kept[key]) if key in kept else (_why_removed(inventory, key, rules),),
        )
        for key, manifest in inventory
    )
    removed = frozenset(decision.key for decision in decisions if not decision.kept)
    missing = tuple(reference for reference in rules.references if not _find(inventory, reference))
    return RetentionPlan(decisions, freed_by(inventory, removed), missing)


def freed_by(inventory: Inventory, removed: frozenset[Key]) -> Mapping[str, int]:
    """The blobs that nothing refers to any more without these manifests, with their sizes, each once."""
    gone: dict[str, int] = {}
    living = set(inventory.outside)
    for key, manifest in inventory:
        if key in removed:
            gone |= {**manifest.blobs, manifest.digest: manifest.size}
        else:
            living |= {*manifest.blobs, manifest.digest}
    return {digest: size for digest, size in sorted(gone.items()) if digest not in living}


def _roots(
    inventory: Inventory, rules: KeepRules, ages: Mapping[Key, datetime], now: datetime
) -> Iterator[tuple[Key, str]]:
    """The manifests that are kept for their own sake, with the reason."""
    for name, repository in sorted(inventory.repositories.items()):
        for tag, digest in sorted(repository.tags.items()):
            if not is_moving(tag) and not subject_of_tag(tag):
                yield Key(name, digest), f"named {tag}, which never moves"
        if name in rules.locked:
            yield from ((Key(name, digest), "published to while pruning") for digest in sorted(repository.manifests))
        yield from _last_generations(inventory, name, rules, ages)
    for reference in rules.references:
        yield from ((key, reference.why) for key in _find(inventory, reference))
    for key, manifest in inventory:
        listed = any(map(subject_of_tag, inventory.repositories[key.repository].tags_of(key.digest)))
        if key in ages and now - ages[key] < rules.grace and manifest.kind in {Kind.IMAGE, Kind.INDEX} and not listed:
            yield key, f"younger than {rules.grace / timedelta(hours=1):g} h"


def _last_generations(
    inventory: Inventory, name: str, rules: KeepRules, ages: Mapping[Key, datetime]
) -> Iterator[tuple[Key, str]]:
    """Those that fewer than N generations are newer than for sure. What can't be ordered is kept."""
    if not rules.generations:
        return
    repository = inventory.repositories[name]
    keys = [Key(name, manifest.digest) for manifest in generations_of(repository)]
    if current := newest_pre_release(repository.tags):
        yield Key(name, repository.tags[current]), f"{current} is the newest pre-release"
    for key in keys:
        if key not in ages:
            yield key, "nothing tells its age"
        elif sum(ages[other] > ages[key] for other in keys if other in ages) < rules.generations:
            yield key, f"among the last {rules.generations}"


def _keep_needed(inventory: Inventory, sets: LayerSets, kept: dict[Key, list[str]]) -> None:
    """Add all that kept manifests need, and what these need in turn."""
    needs = Needs(inventory, sets)
    waiting = list(kept)
    while waiting:
        for other, reason in needs.of(waiting.pop()):
            if other not in kept:
                kept[other] = [reason]
                waiting.append(other)


def _why_removed(inventory: Inventory, key: Key, rules: KeepRules) -> str:
    repository = inventory.repositories[key.repository]
    manifest = repository.manifests[key.digest]
    tags = repository.tags_of(key.digest)
    if subject := manifest.subject or next(filter(None, map(subject_of_tag, tags)), ""):
        state = "is removed" if subject in repository.manifests else "is not there"
        return f"about {Key(key.repository, subject)}, which {state}"
    if tags:
        return f"at least {rules.generations} newer ones"
    if any(key.digest in other.children for other in repository.manifests.values()):
        return "in an index that is removed"
    return "no tag names it"


def _find(inventory: Inventory, reference: Reference) -> tuple[Key, ...]:
    """What a reference names: by its digest in whatever repositories have that, by a tag in the one that it names."""
    if reference.digest:
        return tuple(key for key, _ in inventory if key.digest == reference.digest)
    named = (each for each in inventory.repositories.values() if reference.may_be_in(each.name))
    keys = (Key(repository.name, repository.tags.get(reference.tag, "")) for repository in named)
    return tuple(key for key in keys if key.digest in inventory.repositories[key.repository].manifests)


def in_repository(decisions: Iterable[Decision], name: str) -> tuple[Decision, ...]:
    """The decisions of one repository."""
    return tuple(decision for decision in decisions if decision.key.repository == name)
