"""``codeopen catalog check``, ``list`` and ``show``.

JSON of ``check``: ``ok``, ``counts`` (null when not ok), ``problems``: rows of ``file``, ``line``, ``column``,
``key_path``, ``what``, ``fix``. Of ``list``: rows of ``kind``, ``id``, ``name``, ``status``, ``monthly_price_cents``,
``description``. Of ``show``: ``kind``, and every field of the entry by its name in the catalog.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.exit_codes import INVALID
from codeopen.cli.table import render_pairs, render_table
from codeopen.errors import CatalogError, NoSuchEntryError, Problem
from codeopen.model.catalog.model import Addon, Catalog, Flavor, Status, Tier
from codeopen.model.catalog.read import read_catalog
from codeopen.model.quantity import Cpu, Memory
from codeopen.model.selection.closest import closest
from codeopen.model.selection.price import price_a_month


def check(invocation: Invocation) -> Outcome:
    try:
        catalog = read_catalog(invocation.catalog)
    except CatalogError as error:
        data = {"ok": False, "counts": None, "problems": [_problem_data(problem) for problem in error.problems]}
        output = render_json(data) if invocation.format == "json" else ""
        return Outcome(output, errors=f"{error}\n", code=INVALID)
    counts = _counts(catalog)
    if invocation.format == "json":
        return Outcome(render_json({"ok": True, "counts": counts, "problems": []}))
    return Outcome(render_counts(str(invocation.catalog), counts))


def list_all(invocation: Invocation) -> Outcome:
    """Every tier, flavor and add-on, in the order in which people see them."""
    rows = [
        (kind, entry.id, entry.name, _status(entry), _price(entry), entry.description)
        for kind, entries in _kinds(read_catalog(invocation.catalog)).items()
        for entry in sorted(entries.values(), key=lambda entry: entry.sort_order)
    ]
    if invocation.format == "json":
        keys = ("kind", "id", "name", "status", "monthly_price_cents", "description")
        return Outcome(render_json([dict(zip(keys, row, strict=True)) for row in rows]))
    header = ("KIND", "ID", "NAME", "STATUS", "PRICE", "DESCRIPTION")
    return Outcome(
        render_table(header, [(*row[:4], "" if row[4] is None else price_a_month(row[4]), row[5]) for row in rows])
    )


def show(invocation: Invocation) -> Outcome:
    """One entry whole. Raises NoSuchEntryError where the catalog has none of that id."""
    wanted = invocation.options.entry
    kinds = _kinds(read_catalog(invocation.catalog))
    for kind, entries in kinds.items():
        if wanted in entries:
            data = {"kind": kind, **_plain(entries[wanted])}
            if invocation.format == "json":
                return Outcome(render_json(data))
            return Outcome(render_pairs([(name, _text(value)) for name, value in data.items()]))
    known = [name for entries in kinds.values() for name in entries]
    raise NoSuchEntryError(
        f"{wanted!r}: the catalog has no tier, flavor or add-on of that id; {closest(wanted, known)}"
    )


def _kinds(catalog: Catalog) -> Mapping[str, Mapping[str, Tier | Flavor | Addon]]:
    return {"tier": catalog.tiers, "flavor": catalog.flavors, "addon": catalog.addons}


def _status(entry: Tier | Flavor | Addon) -> str:
    return "available" if isinstance(entry, Tier) else entry.status.value


def _price(entry: Tier | Flavor | Addon) -> int | None:
    return None if isinstance(entry, Flavor) else entry.monthly_price_cents


def _plain(value: Any) -> Any:
    """Values of the model as JSON types: quantities and enumerations as the catalog writes them."""
    match value:
        case Mapping():
            return {name: _plain(each) for name, each in value.items()}
        case tuple() | list():
            return [_plain(each) for each in value]
        case str() | int() | bool() | None:
            return value
        case Cpu() | Memory():
            return str(value)
        case _ if is_dataclass(value):
            return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
        case _:
            return str(value)


def _text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


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
