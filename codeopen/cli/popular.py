"""``codeopen plan popular``: what use says about which combinations to compose ahead of demand, and about layer order.

JSON: ``selections``, ``budget_bytes``, ``registry_bytes``, ``hit_rate``, ``expected_hit_rate``, ``bound``;
``combinations``: rows by rank of ``flavor``, ``addons``, ``count``, ``projects``, ``share``, ``cumulative``,
``registry_bytes``, ``image_bytes``, ``chosen``, ``popular`` (in the catalog today); ``dropped`` (popular, not chosen)
and ``refused``: rows of ``flavor``, ``addons``, and for these ``count`` and ``reason``; ``order``: ``now``, ``best``,
``node_projects``, ``now_bytes`` and ``best_bytes`` (``unpacked``, ``pulled``), ``saved_bytes``; ``sizes``: by add-on
``unpacked``, ``compressed``, ``measured``. Shares are from 0 to 1.

YAML: the records of ``catalog/popular.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.table import render_table
from codeopen.errors import QuantityError
from codeopen.images.popular.advice import Advice, NodeBytes, OrderAdvice, advise
from codeopen.images.popular.choice import Choice, Ranked
from codeopen.images.popular.read_use import read_use
from codeopen.images.popular.sizes import PartSizes, estimate_sizes, read_sizes
from codeopen.model.catalog.model import Catalog
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.combinations import Combination

_UNITS: Final = MappingProxyType(
    {"B": 1}
    | {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    | {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
)
_STEP: Final = Fraction(1, 1000)
_AMOUNT: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([KMGT]?i?B)", re.ASCII | re.IGNORECASE)
_HEADER: Final = ("COMBINATION", "USE", "CUMULATIVE", "REGISTRY", "IMAGE", "POPULAR NOW")
_ORDER_HEADER: Final = ("ADD-ON", "PLACE NOW", "BEST", "USE", "UNPACKED")


def run(invocation: Invocation) -> Outcome:
    options = invocation.options
    budget = parse_bytes(options.budget)
    catalog = read_catalog(invocation.catalog)
    use = read_use(catalog, Path(options.use))
    sizes = read_sizes(catalog, Path(options.sizes)) if options.sizes is not None else estimate_sizes(catalog)
    advice = advise(catalog, use, sizes, budget)
    if invocation.format == "json":
        return Outcome(render_json(as_data(advice, sizes)))
    return Outcome(render_records(advice) if invocation.format == "yaml" else render(catalog, advice, sizes))


def parse_bytes(text: str) -> int:
    """Read ``500MB``, ``1.5 GB`` or ``512MiB``. Raises QuantityError."""
    if match := _AMOUNT.fullmatch(text.strip()):
        return int(Decimal(match[1]) * _UNITS[match[2].upper()])
    raise QuantityError(f"--budget: {text!r} is no amount of bytes; write a number with its unit, as 500MB or 1.5GB")


def render(catalog: Catalog, advice: Advice, sizes: PartSizes) -> str:
    """The advice for people: the choice, what it leaves out, and the order of layers."""
    choice = advice.choice
    rows = [_row(advice, sizes, ranked) for ranked in choice.chosen]
    text = render_table(_HEADER, rows) + "\n" if rows else ""
    text += "".join(f"{line}\n" for line in _choice_lines(choice))
    for title, lines in (
        ("Used, and beyond the budget", [_used(choice, ranked) for ranked in choice.left_out]),
        ("Popular in the catalog, and not chosen", [_name(combination) for combination in advice.dropped]),
        (
            "Selected, and not to be had any more",
            [f"{_name(used.combination)}: {used.count:,}, {used.obstacle}" for used in advice.refused],
        ),
    ):
        if lines:
            text += f"\n{title}:\n" + "".join(f"  {line}\n" for line in lines)
    order_rows = list(_order_rows(catalog, advice, sizes))
    text += "\n" + render_table(_ORDER_HEADER, order_rows) + "\n" if order_rows else "\n"
    return text + "".join(f"{line}\n" for line in _order_lines(advice.order))


def render_records(advice: Advice) -> str:
    """The records of ``catalog/popular.yaml``, under the key that they stand under there, by rank."""
    places = {addon: place for place, addon in enumerate(advice.order.best)}
    lines = []
    if advice.order.best != advice.order.now:
        lines.append(f"# Best layer_order in addons.yaml: {', '.join(advice.order.best)}")
    lines.append("popular:" if advice.choice.chosen else "popular: []")
    for ranked in advice.choice.chosen:
        combination = ranked.use.combination
        lines.append(f"  - flavor: {combination.flavor}")
        lines.append(f"    addons: [{', '.join(sorted(combination.addons, key=places.__getitem__))}]")
        lines.append(f"    reason: {ranked.use.count:,} of {advice.choice.selections:,} selections")
    return "".join(f"{line}\n" for line in lines)


def as_data(advice: Advice, sizes: PartSizes) -> dict[str, Any]:
    """The advice as JSON types."""
    choice, order = advice.choice, advice.order
    return {
        "selections": choice.selections,
        "budget_bytes": choice.budget,
        "registry_bytes": choice.registry_bytes,
        "hit_rate": float(choice.hit_rate),
        "expected_hit_rate": float(choice.expected_hit_rate),
        "bound": float(choice.bound),
        "combinations": [
            *(_ranked_data(advice, sizes, ranked, chosen=True) for ranked in choice.chosen),
            *(_ranked_data(advice, sizes, ranked, chosen=False) for ranked in choice.left_out),
        ],
        "dropped": [_combination_data(combination) for combination in advice.dropped],
        "refused": [
            {**_combination_data(used.combination), "count": used.count, "reason": used.obstacle}
            for used in advice.refused
        ],
        "order": {
            "now": list(order.now),
            "best": list(order.best),
            "node_projects": order.node_projects,
            "now_bytes": _node_data(order.with_now),
            "best_bytes": _node_data(order.with_best),
            "saved_bytes": round(order.saved),
        },
        "sizes": {addon: asdict(size) for addon, size in sizes.addons.items()},
    }


def _row(advice: Advice, sizes: PartSizes, ranked: Ranked) -> tuple[str, ...]:
    combination = ranked.use.combination
    measured = _is_measured(sizes, combination)
    image = _megabytes(sizes.image_bytes(combination.flavor, combination.addons))
    return (
        _name(combination),
        _percent(advice.choice.share(ranked.use.count)),
        _percent(advice.choice.share(ranked.cumulative)),
        _amount(ranked.registry_bytes),
        image if measured else f"~{image}",
        "yes" if combination in advice.popular else "no",
    )


def _choice_lines(choice: Choice) -> Iterator[str]:
    known = len(choice.chosen) + len(choice.left_out)
    yield (
        f"{len(choice.chosen)} of {known} combinations in use, in {_amount(choice.registry_bytes)} of the registry "
        f"(budget {_amount(choice.budget)}): {_percent(choice.hit_rate)} of {choice.selections:,} selections find "
        "theirs."
    )
    yield f"Expected of selections to come, new combinations among them: {_percent(choice.expected_hit_rate)}."
    if choice.left_out:
        yield f"No other choice within the budget reaches {_percent(choice.bound + _STEP)} of those counted."


def _used(choice: Choice, ranked: Ranked) -> str:
    return f"{_name(ranked.use.combination)}: {_percent(choice.share(ranked.use.count))}"


def _order_rows(catalog: Catalog, advice: Advice, sizes: PartSizes) -> Iterator[tuple[str, ...]]:
    """A row for each add-on that can be had, in the best order."""
    order, choice = advice.order, advice.choice
    counts = dict.fromkeys(order.now, 0)
    for ranked in (*choice.chosen, *choice.left_out):
        for addon in ranked.use.combination.addons:
            counts[addon] += ranked.use.count
    for place, addon in enumerate(order.best, start=1):
        size = sizes.addons[addon]
        unpacked = f"{'' if size.measured else '~'}{_megabytes(size.unpacked)}"
        now = str(order.now.index(addon) + 1)
        yield catalog.addons[addon].id, now, str(place), _percent(choice.share(counts[addon])), unpacked


def _order_lines(order: OrderAdvice) -> Iterator[str]:
    told = f"A node that has run {order.node_projects} projects is expected to unpack"
    if order.best == order.now:
        yield f"{told} {_amount(order.with_now.unpacked)} of add-ons. No other order of layers makes it less."
        return
    saved = order.saved / order.with_now.unpacked
    yield (
        f"{told} {_amount(order.with_best.unpacked)} of add-ons with the best order instead of "
        f"{_amount(order.with_now.unpacked)}: {_percent(saved)} less."
    )
    yield (
        f"Where it keeps no compressed layers, it pulls {_amount(order.with_best.pulled)} instead of "
        f"{_amount(order.with_now.pulled)}."
    )
    yield "With another order, combinations whose add-ons change places are new images, which nodes unpack anew."


def _ranked_data(advice: Advice, sizes: PartSizes, ranked: Ranked, *, chosen: bool) -> dict[str, Any]:
    combination = ranked.use.combination
    return {
        **_combination_data(combination),
        "count": ranked.use.count,
        "projects": ranked.use.projects,
        "share": float(advice.choice.share(ranked.use.count)),
        "cumulative": float(advice.choice.share(ranked.cumulative)),
        "registry_bytes": ranked.registry_bytes,
        "image_bytes": sizes.image_bytes(combination.flavor, combination.addons),
        "chosen": chosen,
        "popular": combination in advice.popular,
    }


def _combination_data(combination: Combination) -> dict[str, Any]:
    return {"flavor": combination.flavor, "addons": list(combination.addons)}


def _node_data(node: NodeBytes) -> dict[str, int]:
    return {"unpacked": round(node.unpacked), "pulled": round(node.pulled)}


def _is_measured(sizes: PartSizes, combination: Combination) -> bool:
    return all(part.measured for part in sizes.parts_of(combination.flavor, combination.addons))


def _name(combination: Combination) -> str:
    return " + ".join((combination.flavor, *combination.addons))


def _percent(share: Fraction) -> str:
    """Rounded down: what is nearly all is not all."""
    return f"{share // _STEP / 10:.1f} %"


def _amount(size: Fraction | int) -> str:
    """In the largest unit that leaves something before the point."""
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if size >= unit:
            return f"{float(size) / unit:,.2f} {name}"
    return f"{float(size) / 1000:,.0f} KB"


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.0f} MB"
