"""``codeopen plan capacity``: the nodes that a stack's projects need, and what they cost.

JSON: ``platform``, ``region``, ``as_of``, ``hibernated`` (ids that are not counted), ``pools``: rows of ``pool``,
``projects`` (number by group), ``machines`` (rows of ``machine``, ``millicents_an_hour``, ``nodes``, and ``fits`` with
``count`` and ``binds`` by group), ``nodes`` (rows of ``machine``, ``projects``, ``binds``), ``millicents_an_hour``,
``cents_a_month``, ``at_least_millicents_an_hour``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.table import render_table
from codeopen.environment.cluster_settings import ClusterSettings
from codeopen.environment.settings import read_settings
from codeopen.environment.stack_file import read_stack_values
from codeopen.errors import CapacityError
from codeopen.model.catalog.gpus import NodePlatform
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.projects import State, plan_projects, with_workloads
from codeopen.platform.capacity.report import PoolReport, dollars_a_month, dollars_an_hour, summary
from codeopen.platform.cluster.gpu.managed import names_its_machine
from codeopen.platform.cluster.gpu.pools import CheckedPool, check_pools
from codeopen.platform.cluster.node_pools import plan_pools

_DEFAULT_PLATFORM: Final = "eks"


def run(invocation: Invocation) -> Outcome:
    """Print what each pool of a stack's cluster needs. Raises CodeOpenError."""
    options, checkout = invocation.options, checkout_of(invocation.catalog)
    settings = read_settings(options.stack, read_stack_values(checkout, options.stack), checkout)
    catalog = read_catalog(invocation.catalog)
    pools = check_pools(settings.cluster.gpu_pools, catalog.gpus) if settings.cluster else ()
    name = options.platform or (pools[0].platform.id if pools else _DEFAULT_PLATFORM)
    if name not in catalog.gpus.platforms:
        known = ", ".join(catalog.gpus.platforms) or "none"
        raise CapacityError(f"catalog/gpus.yaml has no platform {name!r}; it has {known}")
    there = tuple(pool for pool in pools if pool.platform.id == name)
    projects = plan_projects(catalog, settings.projects, settings.release, settings.platforms[0], None)
    platform = catalog.gpus.platforms[name]
    working = with_workloads(projects)
    reports = plan_pools(working, platform, there, catalog.gpus, settings.cluster or ClusterSettings())
    hibernated = [each.id for each in projects if each.project.state is State.HIBERNATED]
    if invocation.format == "json":
        return Outcome(render_json(_data(platform, reports, hibernated)))
    return Outcome(_text(platform, reports, there, hibernated))


def _text(
    platform: NodePlatform, reports: Sequence[PoolReport], pools: Sequence[CheckedPool], hibernated: Sequence[str]
) -> str:
    whole = sum(report.plan.millicents for report in reports)
    parts = [f"{platform.name}, list prices of {platform.region} as of {platform.as_of}\n"]
    parts += [f"{summary(report)}\n{_table(report)}" for report in reports]
    parts.append(f"Together {dollars_an_hour(whole)} an hour, {dollars_a_month(whole)} a month\n")
    parts += _machines_to_name(reports, pools)
    if hibernated:
        parts.append(f"Not counted, since they hibernate: {', '.join(hibernated)}\n")
    if pools:
        parts.append(
            "GPU pools grow to these sizes and no further: " + ", ".join(_limit(pool) for pool in pools) + "\n"
        )
    return "\n".join(parts)


def _machines_to_name(reports: Sequence[PoolReport], pools: Sequence[CheckedPool]) -> list[str]:
    """What the stack must say of managed pools that don't name their machine yet."""
    open_ = {f"gpu {pool.name}": pool.name for pool in pools if not names_its_machine(pool)}
    return [
        f"Name the one machine of GPU pool {open_[report.name]}: `machines: [{machine}]`\n"
        for report in reports
        if report.name in open_
        for machine in report.plan.counts
    ]


def _limit(pool: CheckedPool) -> str:
    return f"{pool.name} {pool.pool.max_gpus} GPUs, {pool.seats} seats"


def _table(report: PoolReport) -> str:
    """Machine types from the cheapest on, as far as something fits there; what runs out first in brackets."""
    groups = list(report.groups)
    if not groups:
        return ""
    header = ("MACHINE", "$ AN HOUR", *(f"{report.groups[group]} {group}" for group in groups), "NODES", "$ A MONTH")
    rows = [
        (
            row.machine,
            dollars_an_hour(row.millicents),
            *(f"{row.fits[group].count} ({row.fits[group].binds})" for group in groups),
            str(row.nodes or "-"),
            dollars_a_month(row.millicents * row.nodes) if row.nodes else "-",
        )
        for row in report.rows
    ]
    return render_table(header, rows)


def _data(platform: NodePlatform, reports: Sequence[PoolReport], hibernated: Sequence[str]) -> dict[str, Any]:
    return {
        "platform": platform.id,
        "region": platform.region,
        "as_of": platform.as_of,
        "hibernated": list(hibernated),
        "pools": [_pool_data(report) for report in reports],
    }


def _pool_data(report: PoolReport) -> dict[str, Any]:
    plan = report.plan
    return {
        "pool": report.name,
        "projects": dict(report.groups),
        "machines": [
            {
                "machine": row.machine,
                "millicents_an_hour": row.millicents,
                "nodes": row.nodes,
                "fits": {group: {"count": fit.count, "binds": fit.binds.value} for group, fit in row.fits.items()},
            }
            for row in report.rows
        ],
        "nodes": [
            {
                "machine": node.offer.name,
                "projects": [demand.name for demand in node.demands],
                "binds": node.binds.value,
            }
            for node in plan.nodes
        ],
        "millicents_an_hour": plan.millicents,
        "cents_a_month": plan.monthly_cents,
        "at_least_millicents_an_hour": plan.lower_bound,
    }
