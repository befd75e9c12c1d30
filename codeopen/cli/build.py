"""``codeopen build``: images of parts and combinations of a stack in its registry, without Pulumi.

JSON: ``images``: rows of ``name``, ``reference`` (null with ``--dry-run``), ``plan_digest`` and ``work`` (``found``,
``made``; with ``--dry-run`` ``found``, ``build``, ``compose``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from codeopen.catalog.model import Catalog
from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.ensure import choices_of, progress
from codeopen.cli.table import render_table, short_digest
from codeopen.ondemand.foresight import foresee
from codeopen.ondemand.opening import Bench, open_bench
from codeopen.plan.combinations import Combination, popular_combinations
from codeopen.plan.explain import find_parts
from codeopen.plan.parts import BASE, PartId, PartKind


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    reference: str | None
    plan_digest: str
    work: str


def run(invocation: Invocation) -> Outcome:
    """Have images made: those that are named, else all flavors and the popular combinations. Raises CodeOpenError."""
    options = invocation.options
    with open_bench(options.stack, checkout_of(invocation.catalog).resolve(), choices_of(options)) as bench:
        parts, combinations = wanted_images(bench.source.catalog, options.names)
        if options.dry_run:
            seen = foresee(bench, parts, combinations, options.platform)
            rows = [_Row(each.name, None, each.plan_digest, each.work) for each in seen]
        else:
            rows = _make(bench, parts, combinations, invocation)
    if invocation.format == "json":
        return Outcome(render_json({"images": [asdict(row) for row in rows]}))
    cells = [(row.name, short_digest(row.plan_digest), row.work, row.reference or "") for row in rows]
    return Outcome(render_table(("IMAGE", "PLAN", "WORK", "REFERENCE"), cells))


def wanted_images(catalog: Catalog, names: Sequence[str]) -> tuple[list[PartId], list[Combination]]:
    """The parts and combinations that the names mean. Raises PlanError."""
    if not names:
        parts = [BASE, *(PartId(PartKind.FLAVOR, flavor) for flavor in catalog.flavors)]
        return parts, [each for each in popular_combinations(catalog) if each.addons]
    chosen, combinations = [], []
    for name in names:
        found, combination = find_parts(catalog, name)
        if combination is None or not combination.addons:
            chosen.append(found[-1])
        else:
            combinations.append(combination)
    return chosen, combinations


def _make(
    bench: Bench, parts: Sequence[PartId], combinations: Sequence[Combination], invocation: Invocation
) -> list[_Row]:
    options = invocation.options
    tell = progress(options.progress, time.monotonic())
    before = bench.parts.find_all(parts, options.platform)
    references = bench.parts.ensure_all(parts, options.platform, tell)
    rows = []
    for part, reference in references.items():
        planned = bench.source.by_id[part]
        work = "found" if before[part] else "made"
        rows.append(_Row(planned.part.repository, reference, planned.digests[options.platform], work))
    for combination in combinations:
        ensured = bench.ensurer.ensure(combination, options.platform, tell)
        name = ensured.reference.partition("@")[0].rpartition("/")[2]
        rows.append(_Row(name, ensured.reference, ensured.plan_digest, ensured.how.value))
    return rows
