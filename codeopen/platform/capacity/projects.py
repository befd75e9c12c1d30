"""What a stack's projects demand of its nodes."""

from __future__ import annotations

from collections.abc import Iterable

from codeopen.model.plan.projects import PlannedProject
from codeopen.model.quantity import Memory
from codeopen.platform.capacity.amounts import Demand, requests_of


def demands_of(projects: Iterable[PlannedProject], scratch: Memory) -> tuple[Demand, ...]:
    """The demand of each project that runs; the others have no pod. ``scratch`` is each container's disk."""
    return tuple(
        Demand(each.id, _group(each), requests_of(each.resolution.resources, scratch))
        for each in projects
        if each.project.runs
    )


def _group(planned: PlannedProject) -> str:
    selection = planned.project.selection
    return " + ".join((selection.tier, *sorted(selection.addons)))
