"""``codeopen ensure``: the image of a combination, found or made, as ``host/repository@digest`` on stdout.

JSON: ``reference``, ``plan_digest``, ``how`` (``found``, ``built``, ``composed``, ``chained``, ``made-by-another``),
``seconds``, ``units`` (lists of parts; null unless this call made it) and ``refusals`` (rows of ``one``, ``other``,
``findings``).
Progress goes to stderr: for people, or as JSON lines with ``step``, ``subject``, ``text`` and ``seconds``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from typing import Any

from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.terminal import is_live, rewritten
from codeopen.errors import NoSuchEntryError
from codeopen.images.ondemand.ensure import Ensured
from codeopen.images.ondemand.events import Event, Step, Tell
from codeopen.images.ondemand.opening import Choices, open_bench
from codeopen.images.ondemand.signing import command_hook
from codeopen.model.catalog.model import Catalog
from codeopen.model.plan.combinations import Combination
from codeopen.model.selection.closest import closest
from codeopen.model.selection.order import in_layer_order


def run(invocation: Invocation) -> Outcome:
    """Find the image, or have it made. Raises CodeOpenError."""
    options = invocation.options
    with open_bench(options.stack, checkout_of(invocation.catalog).resolve(), choices_of(options)) as bench:
        combination = _combination(bench.source.catalog, options.flavor, options.addon)
        start = time.monotonic()
        tell = progress(options.progress, start)
        if options.platform:
            ensured = bench.ensurer.ensure(combination, options.platform, tell)
        else:
            ensured = bench.ensurer.ensure_everywhere(combination, tell)
        seconds = time.monotonic() - start
    if invocation.format == "json":
        return Outcome(render_json(_as_data(ensured, seconds)))
    return Outcome(f"{ensured.reference}\n")


def choices_of(options: argparse.Namespace) -> Choices:
    """What the options choose, as ``codeopen build`` and ``codeopen ensure`` have them."""
    return Choices(
        registry=options.registry or "",
        builder=options.builder or "",
        lock=options.lock,
        build=not options.no_build,
        before_tag=command_hook(options.before_tag or "", "--before-tag"),
    )


def _combination(catalog: Catalog, flavor: str, addons: list[str]) -> Combination:
    """The combination that is asked for. Raises NoSuchEntryError for a flavor or an add-on that the catalog lacks."""
    if flavor not in catalog.flavors:
        raise NoSuchEntryError(
            f"flavor {flavor!r}: the catalog has none of that id; {closest(flavor, catalog.flavors)}"
        )
    for name in addons:
        if name not in catalog.addons:
            raise NoSuchEntryError(f"add-on {name!r}: the catalog has none of that id; {closest(name, catalog.addons)}")
    chosen = in_layer_order(catalog.addons[name] for name in dict.fromkeys(addons))
    return Combination(flavor, tuple(addon.id for addon in chosen))


def progress(kind: str, start: float) -> Tell:
    """Tell what happens on stderr: ``live``, ``lines``, ``json``, or ``auto`` for what suits stderr."""
    if kind == "auto":
        kind = "live" if is_live(sys.stderr) else "lines"

    def tell(event: Event) -> None:
        seconds = time.monotonic() - start
        if kind == "json":
            sys.stderr.write(json.dumps({**event.as_data(), "seconds": round(seconds, 3)}) + "\n")
        elif kind == "live" and event.step is Step.LOG:
            sys.stderr.write(rewritten(sys.stderr, f"{seconds:6.1f} s  {event.subject}: {event.text}"))
        elif event.step is not Step.LOG:
            clear = rewritten(sys.stderr, "") if kind == "live" else ""
            sys.stderr.write(f"{clear}{seconds:6.1f} s  {event.subject}: {event.text}\n")
        sys.stderr.flush()

    return tell


def _as_data(ensured: Ensured, seconds: float) -> dict[str, Any]:
    arrangement = ensured.arrangement
    refusals = arrangement.refusals if arrangement else ()
    return {
        "reference": ensured.reference,
        "plan_digest": ensured.plan_digest,
        "how": ensured.how.value,
        "seconds": round(seconds, 4),
        "units": [list(unit) for unit in arrangement.units] if arrangement else None,
        "refusals": [
            {
                "one": list(refusal.one),
                "other": list(refusal.other),
                "findings": [asdict(finding) for finding in refusal.verdict.findings],
            }
            for refusal in refusals
        ],
    }
