"""``codeopen catalog check``.

JSON: ``ok``, ``counts`` (null when not ok), ``problems``: rows of ``file``, ``line``, ``column``, ``key_path``,
``what``, ``fix``.
"""

from __future__ import annotations

from typing import Any

from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.errors import CatalogError, Problem
from codeopen.model.catalog.model import Catalog, Status
from codeopen.model.catalog.read import read_catalog


def check(invocation: Invocation) -> Outcome:
    try:
        catalog = read_catalog(invocation.catalog)
    except CatalogError as error:
        data = {"ok": False, "counts": None, "problems": [_problem_data(problem) for problem in error.problems]}
        output = render_json(data) if invocation.format == "json" else ""
        return Outcome(output, errors=f"{error}\n", code=1)
    counts = _counts(catalog)
    if invocation.format == "json":
        return Outcome(render_json({"ok": True, "counts": counts, "problems": []}))
    return Outcome(render_counts(str(invocation.catalog), counts))


def render_counts(folder: str, counts: dict[str, int]) -> str:
    listed = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    return f"{folder}: no problems ({listed})\n"


def _counts(catalog: Catalog) -> dict[str, int]:
    return {
        "tiers": len(catalog.tiers),
        "flavors": len(catalog.flavors),
        "addons": len(catalog.addons),
        "planned_addons": sum(addon.status is Status.PLANNED for addon in catalog.addons.values()),
        "popular_combinations": len(catalog.popular),
        "upstreams": len(catalog.upstreams),
        "legacy_tiers": len(catalog.legacy),
    }


def _problem_data(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.place.file,
        "line": problem.place.line,
        "column": problem.place.column,
        "key_path": problem.key_path,
        "what": problem.what,
        "fix": problem.fix,
    }
