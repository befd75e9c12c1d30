"""``codeopen registry prune``: what a registry keeps and what it may lose; see ``codeopen.images.retention``.

JSON: ``registry``, ``owner``, ``applied``, ``manifests``: rows of ``repository``, ``digest``, ``kind``, ``tags``,
``kept``, ``reasons``; ``removed``, ``freed_bytes`` and ``freed_blobs`` (by what is planned, or was done), ``missing``
(references that name nothing there) and ``left`` (``repository@digest`` of what had changed, and was not removed).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.table import render_table, short_digest
from codeopen.errors import NoSuchEntryError, UsageError
from codeopen.images.registry.registry import Registry
from codeopen.images.retention.apply import Pruned, prune
from codeopen.images.retention.decisions import Decision, KeepRules, RetentionPlan, in_repository, make_plan
from codeopen.images.retention.inventory import InventoryReader
from codeopen.images.retention.references import Reference, read_references
from codeopen.images.retention.stored import Inventory, Kind

MEGABYTE: Final = 1_000_000
_SHOWN_KINDS: Final = (Kind.IMAGE, Kind.INDEX, Kind.OTHER)
_COLLECT: Final = (
    "The registry's own collector frees up to {size} in {blobs} blobs: run `registry garbage-collect` on it while "
    "nobody pushes, without --delete-untagged.\n"
)


def run(invocation: Invocation) -> Outcome:
    """Plan what to prune, and do so where that is asked for. Raises RegistryError, RetentionError."""
    options = invocation.options
    rules = _rules(invocation)
    registry = Registry(options.registry)
    reader = InventoryReader(registry, options.owner, rules.references)
    inventory = reader.read()
    if not inventory.repositories:
        raise NoSuchEntryError(f"{options.registry}: it has no repository below {options.owner}/; see --owner")
    now = datetime.now(UTC)
    if options.apply:
        done = prune(registry, reader, inventory, rules, now)
    else:
        plan = make_plan(inventory, rules, now)
        done = Pruned(plan, (), plan.freed)
    text = _json(inventory, done, applied=options.apply) if invocation.format == "json" else render(inventory, done)
    if invocation.format != "json":
        text += "" if options.apply else "Nothing was removed: this is the plan. Remove with --apply.\n"
    return Outcome(text, "".join(f"{note}\n" for note in _notes(done)))


def render(inventory: Inventory, done: Pruned) -> str:
    """The plan for people: a table of all images, then what is freed."""
    rows = [
        (
            name.removeprefix(f"{inventory.owner}/"),
            short_digest(decision.key.digest),
            ", ".join(_short_tag(tag) for tag in decision.tags) or "-",
            "kept" if decision.kept else "left" if decision.key in done.left else "removed",
            decision.reasons[0],
        )
        for name in sorted(inventory.repositories)
        for decision in _shown(in_repository(done.plan.decisions, name))
    ]
    removed = len(done.plan.removed) - len(done.left)
    summary = f"{removed} manifests removed, {len(done.plan.decisions) - removed} kept.\n"
    size = f"{done.freed_bytes / MEGABYTE:.1f} MB"
    freed = _COLLECT.format(size=size, blobs=len(done.freed)) if done.freed else ""
    return render_table(("REPOSITORY", "DIGEST", "TAGS", "STATE", "REASON"), rows) + "\n" + summary + freed


def _rules(invocation: Invocation) -> KeepRules:
    options = invocation.options
    if options.keep < 0 or options.grace < 0:
        raise UsageError("--keep and --grace take numbers from 0 on")
    if options.apply and not options.projects and not options.no_projects:
        raise UsageError("--apply would not know which images projects use; give --projects FILE, or say --no-projects")
    references: list[Reference] = []
    for kind, files in (("project", options.projects), ("keep list", options.keep_list)):
        for file in files:
            references += read_references(Path(file), kind)
    return KeepRules(
        options.keep, timedelta(hours=options.grace), tuple(references), allow_missing=options.allow_missing
    )


def _shown(decisions: Sequence[Decision]) -> list[Decision]:
    """Images and indexes, the kept ones first; what goes with an image is not told apart."""
    found = [decision for decision in decisions if decision.kind in _SHOWN_KINDS]
    return sorted(found, key=lambda decision: (not decision.kept, decision.tags))


def _short_tag(tag: str) -> str:
    name, dash, digest = tag.partition("-")
    return f"{name}-{digest[:12]}" if name in {"plan", "sha256"} and dash else tag


def _notes(done: Pruned) -> Iterator[str]:
    for reference in done.plan.missing:
        yield f"{reference} ({reference.why}): the registry has no such image"
    for key in done.left:
        yield f"{key}: it was left, somebody has published to it in the meantime; prune again"


def _json(inventory: Inventory, done: Pruned, *, applied: bool) -> str:
    plan: RetentionPlan = done.plan
    return render_json(
        {
            "registry": inventory.host,
            "owner": inventory.owner,
            "applied": applied,
            "manifests": [
                {
                    "repository": decision.key.repository,
                    "digest": decision.key.digest,
                    "kind": decision.kind.value,
                    "tags": list(decision.tags),
                    "kept": decision.kept or decision.key in done.left,
                    "reasons": list(decision.reasons),
                }
                for decision in plan.decisions
            ],
            "removed": len(plan.removed) - len(done.left),
            "freed_bytes": done.freed_bytes,
            "freed_blobs": len(done.freed),
            "missing": [str(reference) for reference in plan.missing],
            "left": [f"{key.repository}@{key.digest}" for key in done.left],
        }
    )
