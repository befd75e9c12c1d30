"""What a stack's projects demand of its nodes."""

from __future__ import annotations

from collections.abc import Iterable

from codeopen.capacity.amounts import Demand, requests_of
from codeopen.plan.projects import PlannedProject


def demands_of(projects: Iterable[PlannedProject]) -> tuple[Demand, ...]:
    """The demand of each project that runs; one that hibernates has no pod."""
    return tuple(
        Demand(each.id, _group(each), requests_of(each.resolution.resources))
        for each in projects
        if not each.project.hibernated
    )


def _group(planned: PlannedProject) -> str:
    selection = planned.project.selection
    return " + ".join((selection.tier, *sorted(selection.addons)))
