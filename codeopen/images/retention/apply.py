"""Carries a plan out. What was published since the inventory was read is looked at again, and left alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from codeopen.images.registry.registry import Registry
from codeopen.images.retention.ages import is_plan, subject_of_tag
from codeopen.images.retention.decisions import Decision, KeepRules, RetentionPlan, freed_by, make_plan
from codeopen.images.retention.inventory import InventoryReader
from codeopen.images.retention.stored import Inventory, Key, Kind, RetentionError

_WORKERS: Final = 8
_RANKS: Final = {Kind.INDEX: 0, Kind.IMAGE: 1}


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was done: the plan that was carried out, what was left because it had changed, and what that frees."""

    plan: RetentionPlan
    left: tuple[Key, ...]
    freed: Mapping[str, int]

    @property
    def freed_bytes(self) -> int:
        return sum(self.freed.values())


def prune(registry: Registry, reader: InventoryReader, inventory: Inventory, rules: KeepRules, now: datetime) -> Pruned:
    """Remove what the rules don't keep. Raises RegistryError; what was removed until then is removed.

    Raises RetentionError, with nothing removed, for references that name nothing: they may be of images that are here.

    Repositories that somebody has published to since the inventory was read are kept as they are, and so are the parts
    of what they have now.
    """
    fresh, changed = _look_again(registry, reader, inventory)
    plan = make_plan(fresh, replace(rules, locked=rules.locked | changed), now)
    if plan.missing and not rules.allow_missing:
        names = "".join(f"\n  {reference} ({reference.why})" for reference in plan.missing)
        raise RetentionError(
            f"{inventory.host}: nothing is removed, because these images are used or listed, and not found:{names}\n"
            "correct the list, or say --allow-missing if they are elsewhere or gone"
        )
    removed: set[Key] = set()
    left: list[Key] = []
    for decision in _in_order(fresh, plan.removed):
        if _is_as_it_was(registry, fresh, decision):
            registry.delete_manifest(*decision.key)
            removed.add(decision.key)
        else:
            left.append(decision.key)
    return Pruned(plan, tuple(left), freed_by(fresh, frozenset(removed)))


def _look_again(registry: Registry, reader: InventoryReader, inventory: Inventory) -> tuple[Inventory, frozenset[str]]:
    """The inventory with what has changed since, and the repositories that have."""
    names = [name for name in registry.list_repositories() if reader.owns(name)]
    with ThreadPoolExecutor(_WORKERS) as workers:
        tags = dict(zip(names, workers.map(reader.read_tags, names), strict=True))
        known = inventory.repositories
        changed = [name for name in names if name not in known or tags[name] != known[name].tags]
        read = {repository.name: repository for repository in workers.map(reader.read_repository, changed)}
    return replace(inventory, repositories={**known, **read}), frozenset(changed)


def _in_order(inventory: Inventory, removed: Iterable[Decision]) -> list[Decision]:
    """What names others comes before them, and what is about an image after it.

    Whoever interrupts this leaves nothing that names what is gone, and what is left over is found again.
    """

    def rank(decision: Decision) -> tuple[str, int]:
        tags = inventory.repositories[decision.key.repository].tags_of(decision.key.digest)
        listing = any(map(subject_of_tag, tags))
        return decision.key.repository, 2 if listing else _RANKS.get(decision.kind, 3)

    return sorted(removed, key=rank)


def _is_as_it_was(registry: Registry, inventory: Inventory, decision: Decision) -> bool:
    """Whether nothing was published to the repository since the inventory was read: no new tag, and none moved.

    A registry has no conditional deletion: what happens between this and the deletion is not seen.
    """
    repository, digest = decision.key
    known = inventory.repositories[repository].tags
    if any(tag not in known for tag in registry.list_tags(repository)):
        return False
    if any(registry.find_manifest(repository, tag) != digest for tag in decision.tags):
        return False
    # A plan's tag stays where it is; a version's may have moved to what is to be removed. Some are removed by now.
    versions = [tag for tag in known if not is_plan(tag) and not subject_of_tag(tag)]
    return all(registry.find_manifest(repository, tag) in {None, known[tag]} for tag in versions)
