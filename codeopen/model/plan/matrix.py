"""The build matrix as plain data, for CI: what to build in which order.

Format 1::

    format        1
    release       registry, owner, version
    platforms     the platforms that were asked for
    stages        one object a stage, each with ``include``: rows to build in parallel, after all rows of earlier stages
      part, kind, image, context, parent, takes, platform, buildable, state, plan_digest (null when not buildable)
    combinations  ``include``: rows of the popular combinations, after all stages
      image, flavor, addons, parts, platform, buildable, not_buildable, plan_digest (null when not buildable)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from codeopen.model.plan.parts import parts_graph
from codeopen.model.plan.plan import BuildPlan, PlannedCombination, PlannedPart


def make_matrix(plan: BuildPlan) -> dict[str, Any]:
    """The matrix of a plan; of JSON types only, the same for the same plan."""
    by_id = {planned.part.id: planned for planned in plan.parts}
    stages = parts_graph(tuple(planned.part for planned in plan.parts)).generations()
    return {
        "format": 1,
        "release": asdict(plan.release),
        "platforms": list(plan.platforms),
        "stages": [
            {"include": [row for part_id in stage for row in _part_rows(plan, by_id[part_id])]} for stage in stages
        ],
        "combinations": {
            "include": [row for combination in plan.popular for row in _combination_rows(plan, combination)]
        },
    }


def _part_rows(plan: BuildPlan, planned: PlannedPart) -> Iterator[dict[str, Any]]:
    part = planned.part
    for platform in planned.digests or plan.platforms:
        yield {
            "part": str(part.id),
            "kind": part.id.kind.value,
            "image": planned.reference,
            "context": part.directory,
            "parent": str(part.parent) if part.parent is not None else None,
            "takes": [str(taken) for taken in part.takes],
            "platform": platform,
            "buildable": planned.buildable,
            "state": planned.state.value,
            "plan_digest": planned.digests.get(platform),
        }


def _combination_rows(plan: BuildPlan, planned: PlannedCombination) -> Iterator[dict[str, Any]]:
    for platform in planned.digests or plan.platforms:
        yield {
            "image": str(planned.image),
            "flavor": planned.combination.flavor,
            "addons": list(planned.combination.addons),
            "parts": [str(part_id) for part_id in planned.parts],
            "platform": platform,
            "buildable": platform in planned.digests,
            "not_buildable": [str(part_id) for part_id in planned.not_buildable],
            "plan_digest": planned.digests.get(platform),
        }
