"""How a pool's plan came about: what fits on a node of each machine type, what runs out first, and what it costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from codeopen.platform.capacity.amounts import Capacity, Demand, Dimension, binding, fits
from codeopen.platform.capacity.pool import HOURS_A_MONTH, Offer, PoolPlan


@dataclass(frozen=True, slots=True)
class Fit:
    """How many pods of one size a node has room for, and what there would not be enough of for one more."""

    count: int
    binds: Dimension


@dataclass(frozen=True, slots=True)
class MachineRow:
    """A machine type: what fits on it by group, how many nodes of it are planned, and the price of one an hour."""

    machine: str
    millicents: int
    fits: Mapping[str, Fit]
    nodes: int


@dataclass(frozen=True, slots=True)
class PoolReport:
    """A pool: how many pods there are of each size, its machine types from the cheapest on, and its nodes."""

    name: str
    groups: Mapping[str, int]
    rows: tuple[MachineRow, ...]
    plan: PoolPlan


def report_pool(name: str, demands: Iterable[Demand], offers: Iterable[Offer], plan: PoolPlan) -> PoolReport:
    """The report of a plan that was made for these demands of these offers."""
    listed = sorted(demands, key=lambda each: (each.group, each.name))
    sizes: dict[str, Capacity] = {each.group: each.capacity for each in listed}
    counts = plan.counts
    rows = tuple(
        MachineRow(
            offer.name,
            offer.millicents,
            {group: Fit(fits(offer.room, size), binding(offer.room, size)) for group, size in sizes.items()},
            counts.get(offer.name, 0),
        )
        for offer in sorted(offers, key=lambda each: (each.millicents, each.name))
    )
    return PoolReport(name, dict(Counter(each.group for each in listed)), rows, plan)


def summary(report: PoolReport) -> str:
    """One line: ``gpu-t4: 3 projects on 3 nodes (3 g4dn.2xlarge), $2.256 an hour, $1,646.88 a month``."""
    plan = report.plan
    pods = sum(report.groups.values())
    nodes = ", ".join(f"{count} {name}" for name, count in plan.counts.items())
    return (
        f"{report.name}: {_counted(pods, 'project')} on {_counted(len(plan.nodes), 'node')}"
        f"{f' ({nodes})' if nodes else ''}, {dollars_an_hour(plan.millicents)} an hour, "
        f"{dollars_a_month(plan.millicents)} a month"
    )


def dollars_an_hour(millicents: int) -> str:
    """As ``$0.526``: tenths of a cent, rounded up."""
    tenths = -(-millicents // 100)
    return f"${tenths // 1000:,}.{tenths % 1000:03}"


def dollars_a_month(millicents: int) -> str:
    """The price of 730 hours, as ``$383.98``, rounded up."""
    cents = -(-millicents * HOURS_A_MONTH // 1000)
    return f"${cents // 100:,}.{cents % 100:02}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
