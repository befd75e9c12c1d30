"""``codeopen build``: images of parts and combinations of a stack in its registry, without Pulumi.

JSON: ``images``: rows of ``name``, ``reference`` (null with ``--dry-run``), ``plan_digest``, ``work`` (of parts
``found``, ``made``, of combinations as ``codeopen ensure`` has it; with ``--dry-run`` ``found``, ``build``,
``compose``, ``index``) and ``platform``, which is ``all`` for an index of the stack's platforms.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Final

from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.ensure import choices_of, progress
from codeopen.cli.table import render_table, short_digest
from codeopen.images.ondemand.chains import JOINED, chain_digest, chain_repository
from codeopen.images.ondemand.composing import find_image
from codeopen.images.ondemand.foresight import foresee
from codeopen.images.ondemand.opening import Bench, open_bench
from codeopen.images.ondemand.published import ALL, list_published
from codeopen.model.catalog.model import Catalog
from codeopen.model.plan.combinations import Combination, popular_combinations
from codeopen.model.plan.part_names import parts_named
from codeopen.model.plan.parts import BASE, PartId, PartKind

_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    reference: str | None
    plan_digest: str
    work: str
    platform: str


def run(invocation: Invocation) -> Outcome:
    """Have images made: those that are named, else all flavors and the popular combinations. Raises CodeOpenError."""
    options = invocation.options
    with open_bench(options.stack, checkout_of(invocation.catalog).resolve(), choices_of(options)) as bench:
        chains = [name for name in options.names if JOINED in name]
        named = [name for name in options.names if name not in chains]
        parts, combinations = wanted_images(bench.source.catalog, named) if named or not chains else ([], [])
        if options.dry_run:
            rows = list(_foreseen(bench, parts, combinations, options.platform))
        else:
            rows = _make(bench, parts, combinations, invocation)
        rows += [row for name in chains for row in _chain(bench, name, invocation)]
    if invocation.format == "json":
        return Outcome(render_json({"images": [asdict(row) for row in rows]}))
    cells = [(row.name, short_digest(row.plan_digest), row.work, row.platform, row.reference or "") for row in rows]
    return Outcome(render_table(("IMAGE", "PLAN", "WORK", "PLATFORM", "REFERENCE"), cells))


def wanted_images(catalog: Catalog, names: Sequence[str]) -> tuple[list[PartId], list[Combination]]:
    """The parts and combinations that the names mean. Raises PlanError."""
    if not names:
        parts = [BASE, *(PartId(PartKind.FLAVOR, flavor) for flavor in catalog.flavors)]
        return parts, [each for each in popular_combinations(catalog) if each.addons]
    chosen, combinations = [], []
    for name in names:
        found, combination = parts_named(catalog, name)
        if combination is None or not combination.addons:
            chosen.append(found[-1])
        else:
            combinations.append(combination)
    return chosen, combinations


def _on_each(
    bench: Bench, parts: Sequence[PartId], combinations: Sequence[Combination], chosen: str | None
) -> Iterator[tuple[str, Sequence[PartId], Sequence[Combination]]]:
    """The chosen platform, or those of the stack, each with what is built for it."""
    platforms = bench.source.plan.platforms
    if chosen or len(platforms) == 1:
        yield chosen or platforms[0], parts, combinations
        return
    for platform in platforms:
        own = [part for part in parts if platform in bench.source.by_id[part].digests]
        yield platform, own, bench.ensurer.on(combinations, platform)


def _foreseen(
    bench: Bench, parts: Sequence[PartId], combinations: Sequence[Combination], chosen: str | None
) -> Iterator[_Row]:
    for platform, own, composed in _on_each(bench, parts, combinations, chosen):
        for each in foresee(bench, own, composed, platform):
            yield _Row(each.name, None, each.plan_digest, each.work, platform)
    owner, registry = bench.source.plan.release.owner, bench.tools.registry
    for name in list_published(bench.source, parts, combinations, chosen):
        if name.platform == ALL:
            found = find_image(registry, f"{owner}/{name.name}", name.plan_digest)
            yield _Row(name.name, None, name.plan_digest, "found" if found else "index", ALL)


def _chain(bench: Bench, name: str, invocation: Invocation) -> Iterator[_Row]:
    """A chain of parts, which a builder in CI is asked for; it is of use on its platform only, and has no index."""
    options, source, registry = invocation.options, bench.source, bench.tools.registry
    tell = progress(options.progress, time.monotonic())
    members = [parts_named(source.catalog, word)[0][-1] for word in name.split(JOINED)]
    repository = chain_repository(map(str, members))
    for platform in (options.platform,) if options.platform else source.plan.platforms:
        bench.parts.find_all(members, platform)  # one that isn't built for it says so
        digest = chain_digest(platform, (source.by_id[member].digests[platform] for member in members))
        reference = find_image(registry, f"{source.plan.release.owner}/{repository}", digest)
        work = "found" if reference else "build" if options.dry_run else "made"
        if not reference and not options.dry_run:
            reference = bench.parts.ensure_chain(members, platform, tell)
        yield _Row(repository, reference, digest, work, platform)


def _make(
    bench: Bench, parts: Sequence[PartId], combinations: Sequence[Combination], invocation: Invocation
) -> list[_Row]:
    """All parts first, in parallel as far as they don't need each other; then the combinations, several at once."""
    chosen, ensurer, by_id = invocation.options.platform, bench.ensurer, bench.source.by_id
    tell = progress(invocation.options.progress, time.monotonic())
    made = set[PartId]()
    for platform, own, composed in _on_each(bench, parts, combinations, chosen):
        made |= {part for part, reference in bench.parts.find_all(own, platform).items() if reference is None}
        bench.parts.ensure_all((*own, *ensurer.missing_parts(composed, platform)), platform, tell)
    platforms = bench.source.plan.platforms
    shown = chosen or (platforms[0] if len(platforms) == 1 else ALL)

    def part_row(part: PartId) -> _Row:
        found = ensurer.ensure_part(part, chosen, tell) if chosen else ensurer.ensure_part_everywhere(part, tell)
        work = "made" if part in made else "found"
        return _Row(by_id[part].part.repository, found.reference, found.plan_digest, work, shown)

    def combination_row(combination: Combination) -> _Row:
        found = ensurer.ensure(combination, chosen, tell) if chosen else ensurer.ensure_everywhere(combination, tell)
        name = found.reference.partition("@")[0].rpartition("/")[2]
        return _Row(name, found.reference, found.plan_digest, found.how.value, shown)

    # Not the bench's own workers: composing waits for what it gives to those.
    with ThreadPoolExecutor(_AT_ONCE) as workers:
        return [*workers.map(part_row, parts), *workers.map(combination_row, combinations)]
