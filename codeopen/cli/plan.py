"""``codeopen plan parts``, ``plan combinations`` and ``plan matrix``.

JSON of ``parts``: ``parts``: rows of ``part``, ``kind``, ``name``, ``image``, ``parent``, ``context``, ``buildable``,
``state``, ``digests`` and ``why_not`` (by platform), ``upstreams`` (``id``, ``reference``, ``version``, ``digest``).
JSON of ``combinations``: ``combinations``: rows of ``image``, ``flavor``, ``addons``, ``parts``, ``popular`` (the
reason, or null), ``not_buildable``, ``digests`` (by platform).
JSON of ``matrix``: see ``codeopen.model.plan.matrix``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from codeopen.cli.checkout import checkout_of, release_from
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.table import render_table, short_digest
from codeopen.model.catalog.model import Catalog
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.combinations import Combination, enumerate_combinations, popular_combinations
from codeopen.model.plan.context import read_contexts
from codeopen.model.plan.matrix import make_matrix
from codeopen.model.plan.parts import list_builds
from codeopen.model.plan.plan import (
    BuildPlan,
    PlannedCombination,
    PlannedPart,
    PlanRequest,
    make_plan,
    plan_combinations,
)
from codeopen.model.plan.state import PartState
from codeopen.model.selection.selection import DEFAULT_PLATFORM


def parts(invocation: Invocation) -> Outcome:
    _, plan = _make_plan(invocation)
    if invocation.format == "json":
        return Outcome(render_json({"parts": [_part_data(planned) for planned in plan.parts]}))
    return Outcome(render_parts(plan))


def combinations(invocation: Invocation) -> Outcome:
    catalog, plan = _make_plan(invocation)
    popular = popular_combinations(catalog)
    planned: Iterable[PlannedCombination] = plan.popular
    if invocation.options.all:
        planned = plan_combinations(catalog, plan.parts, plan.release, enumerate_combinations(catalog))
    if invocation.format == "json":
        return Outcome(render_json({"combinations": [_combination_data(each, popular) for each in planned]}))
    return Outcome(render_combinations(planned, popular))


def matrix(invocation: Invocation) -> Outcome:
    _, plan = _make_plan(invocation)
    data = make_matrix(plan)
    return Outcome(render_json(data) if invocation.format == "json" else render_matrix(data))


def render_parts(plan: BuildPlan) -> str:
    """Parts for people: a line for each part and platform, and why some are not for a platform."""
    rows = [
        (
            str(planned.part.id),
            planned.state_on(platform).value,
            platform,
            short_digest(planned.digests.get(platform, "-")),
        )
        for planned in plan.parts
        for platform in plan.platforms
    ]
    table = render_table(("PART", "STATE", "PLATFORM", "PLAN DIGEST"), rows)
    reasons = dict.fromkeys(
        f"{each.part.id} {why}\n"
        for each in plan.parts
        for platform, why in each.why_not.items()
        if each.state_on(platform) is PartState.NO_PLATFORM
    )
    return table + ("\n" + "".join(reasons) if reasons else "")


def render_combinations(planned: Iterable[PlannedCombination], popular: Mapping[Combination, str]) -> str:
    """Combinations for people: which parts each waits for, and why it is popular."""
    rows = [
        (
            f"{each.image.repository}:{each.image.version}",
            ", ".join(each.combination.addons) or "-",
            ", ".join(str(part_id) for part_id in each.not_buildable) or "-",
            popular.get(each.combination, "-"),
        )
        for each in planned
    ]
    return render_table(("IMAGE", "ADD-ONS", "NOT BUILDABLE YET", "POPULAR BECAUSE"), rows)


def render_matrix(data: Mapping[str, Any]) -> str:
    """The matrix for people: a line for each image and platform, in the order of building."""
    stages = [*(stage["include"] for stage in data["stages"]), data["combinations"]["include"]]
    rows = [
        (
            str(number),
            row["image"],
            row["platform"],
            "yes" if row["buildable"] else "no",
            short_digest(row["plan_digest"] or "-"),
        )
        for number, stage in enumerate(stages, start=1)
        for row in stage
    ]
    return render_table(("STAGE", "IMAGE", "PLATFORM", "BUILDABLE", "PLAN DIGEST"), rows)


def _make_plan(invocation: Invocation) -> tuple[Catalog, BuildPlan]:
    catalog = read_catalog(invocation.catalog)
    release = release_from(invocation.options, invocation.catalog)
    request = PlanRequest(release, tuple(dict.fromkeys(invocation.options.platform or (DEFAULT_PLATFORM,))))
    contexts = read_contexts(checkout_of(invocation.catalog), list_builds(catalog))
    return catalog, make_plan(catalog, contexts, request)


def _part_data(planned: PlannedPart) -> dict[str, Any]:
    part = planned.part
    return {
        "part": str(part.id),
        "kind": part.id.kind.value,
        "name": part.name,
        "image": planned.reference,
        "parent": str(part.parent) if part.parent is not None else None,
        "takes": [str(taken) for taken in part.takes],
        "context": part.directory,
        "buildable": planned.buildable,
        "state": planned.state.value,
        "digests": dict(planned.digests),
        "why_not": dict(planned.why_not),
        "upstreams": [asdict(pin) for pin in planned.upstreams],
    }


def _combination_data(planned: PlannedCombination, popular: Mapping[Combination, str]) -> dict[str, Any]:
    return {
        "image": str(planned.image),
        "flavor": planned.combination.flavor,
        "addons": list(planned.combination.addons),
        "parts": [str(part_id) for part_id in planned.parts],
        "popular": popular.get(planned.combination),
        "not_buildable": [str(part_id) for part_id in planned.not_buildable],
        "digests": dict(planned.digests),
    }
