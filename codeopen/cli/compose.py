"""``codeopen compose check``: which pairs of parts compose, and why the others don't.

JSON: ``pairs``: rows of ``one``, ``other``, ``method`` (``composed``, ``chained`` or ``not-built``), ``proved`` and
``findings`` (``rule``, ``subject``, ``what``); ``counts`` by method. ``proved`` is true where the oracle has agreed on
this machine, which compares with a chained image (``make oracle``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any, Final

from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.table import render_table
from codeopen.images.ondemand.checking import CheckedPair, check_pairs, list_pairs
from codeopen.images.ondemand.opening import Choices, open_bench
from codeopen.model.catalog.model import Catalog
from codeopen.model.plan.part_names import parts_named
from codeopen.model.plan.parts import BASE, PartId

_SHOWN_FINDINGS: Final = 5
_METHODS: Final = ("composed", "chained", "not-built")


def check(invocation: Invocation) -> Outcome:
    """Judge all pairs, or those that the named parts and combinations have. Refusals are no error."""
    options = invocation.options
    choices = Choices(registry=options.registry or "", build=False)
    with open_bench(options.stack, checkout_of(invocation.catalog).resolve(), choices) as bench:
        pairs = tuple(_chosen(bench.source.catalog, options.names))
        checked = check_pairs(bench, pairs, options.platform or bench.source.plan.platforms[0])
    counts = Counter(_method(pair) for pair in checked)
    if invocation.format == "json":
        rows = [_as_data(pair) for pair in checked]
        return Outcome(render_json({"pairs": rows, "counts": {method: counts[method] for method in _METHODS}}))
    return Outcome(_render(checked, counts))


def _chosen(catalog: Catalog, names: Sequence[str]) -> Iterator[tuple[PartId, PartId]]:
    """All pairs, or those with a named part, or both of whose parts are in a named combination."""
    known = tuple(list_pairs(catalog))
    if not names:
        yield from known
        return
    wanted: set[tuple[PartId, PartId]] = set()
    for name in names:
        parts, combination = parts_named(catalog, name)
        if combination is None:
            wanted |= {pair for pair in known if parts[-1] in pair}
        else:
            wanted |= set(combinations((part for part in parts if part != BASE), 2))
    yield from (pair for pair in known if pair in wanted)


def _method(pair: CheckedPair) -> str:
    if not pair.judged:
        return "not-built"
    return "composed" if pair.composed else "chained"


def _as_data(pair: CheckedPair) -> dict[str, Any]:
    return {
        "one": str(pair.one),
        "other": str(pair.other),
        "method": _method(pair),
        "proved": pair.proved,
        "findings": [asdict(finding) for finding in pair.findings],
    }


def _render(checked: Sequence[CheckedPair], counts: Counter[str]) -> str:
    rows = [(str(pair.one), str(pair.other), _method(pair), _proof(pair), _why(pair)) for pair in checked]
    text = render_table(("PART", "WITH", "METHOD", "BY", "WHY"), rows) if rows else ""
    for pair in checked:
        if pair.findings:
            text += f"\n{pair.one} with {pair.other}\n" + "".join(_lines(pair))
    said = ", ".join(f"{counts[method]} {method}" for method in _METHODS if counts[method])
    said += f"; {sum(pair.proved for pair in checked)} proved"
    return f"{text}\n{len(checked)} pairs: {said}\n" if checked else "no pairs\n"


def _proof(pair: CheckedPair) -> str:
    if not pair.judged:
        return ""
    return "proved" if pair.proved else "gate only"


def _why(pair: CheckedPair) -> str:
    if not pair.findings:
        return ""
    rules = Counter(finding.rule for finding in pair.findings)
    return ", ".join(f"{rule} ({count})" for rule, count in rules.items())


def _lines(pair: CheckedPair) -> Iterator[str]:
    for finding in pair.findings[:_SHOWN_FINDINGS]:
        yield f"  {finding.rule}: {finding.subject}: {finding.what}\n"
    if (more := len(pair.findings) - _SHOWN_FINDINGS) > 0:
        yield f"  and {more} more; --format json has all\n"
