"""``python -m bench.composing``: the arms side by side, in one run, on the parts of a stack in its registry.

The registry is the one that ``codeopen part test --keep`` leaves. The chained and linked arms take a seeded sample.
Nothing is asserted: figures depend on the machine.
"""

from __future__ import annotations

import argparse
import enum
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.composing.arms import Chained, Composed, Floor, Linked, Operation
from bench.composing.cost import Cost, median, percentile
from bench.composing.scenes import change_an_addon, ensure_figures, pull_second, seal_sizes, time_all
from bench.composing.workbench import Workbench, workbench
from codeopen.authoring.part_test.disk import empty_cache, prune_cache
from codeopen.cli.table import render_table
from codeopen.model.catalog.model import Catalog
from codeopen.model.plan.combinations import Combination
from codeopen.model.selection.order import in_layer_order

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = 12
COLD = 3
LONG = 2
WARM = 60
CACHE_GIGABYTES = 10
MEGABYTE = 1_000_000
_GROUPS = (
    ("all", "WHOLE SETS"),
    ("changed", "ONE ADD-ON CHANGED"),
    ("ensure", "ENSURE"),
    ("seals", "SEALS"),
    ("pulls", "A NODE'S SECOND COMBINATION"),
)


class Builder(enum.Enum):
    """How an arm finds the builder's cache: as earlier builds left it, or empty each time; or it builds nothing."""

    WARM = "warm"
    COLD = "cold"
    NONE = "none"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print tables; ``--json`` writes everything to a file too."""
    parser = argparse.ArgumentParser(prog="bench.composing", description=__doc__)
    parser.add_argument("--stack", default=os.environ.get("CODEOPEN_STACK", "offline"))
    parser.add_argument("--seed", type=int, default=7, help="of the sample; default: %(default)s")
    parser.add_argument("--fast", action="store_true", help="without the arms that build")
    parser.add_argument("--if-kept", action="store_true", help="where no registry was left, say so and measure nothing")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    container = f"codeopen-{options.stack}-trial-registry"
    if options.if_kept and not _runs(container):
        sys.stdout.write(
            f"combinations are not measured: container {container} doesn't run; "
            "run `codeopen part test --keep` first, then `make bench-compose`\n"
        )
        return
    port, registry = _port(container), _process(container)
    processes = [pid for pid in (registry, *_named("buildkitd")) if pid]
    with workbench(options.stack, ROOT, port, processes) as bench:
        figures = _measure(bench, random.Random(options.seed), fast=options.fast)  # noqa: S311 - a sample, no secret
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(render(figures))


def _measure(bench: Workbench, chance: random.Random, *, fast: bool) -> dict[str, Any]:
    catalog = bench.source.catalog
    addons = [addon.id for addon in in_layer_order(catalog.addons.values())]
    first = _specified(catalog)
    today, every = bench.combinations(first), bench.combinations(addons)
    # Of those with one add-on: the links below a last one would take as long again, and fill the disk.
    sample = chance.sample([each for each in today if len(each.addons) < LONG], SAMPLE)
    warm = chance.sample(today, min(WARM, len(today)))
    chained, linked = Chained(bench), Linked(bench)
    plain, sealed = Composed(bench, seal=False, name="plain"), Composed(bench, seal=True, name="sealed")
    rows: list[dict[str, Any]] = []
    if not fast:
        rows += [
            _arm("chained", chained.prepare, sample, bench, Builder.WARM),
            _arm("COPY --link", linked.prepare, sample, bench, Builder.WARM),
            _arm("chained, cold builder", Chained(bench, "chained-cold").prepare, sample[:COLD], bench, Builder.COLD),
            _arm("COPY --link, cold builder", Linked(bench, "linked-cold").prepare, sample[:COLD], bench, Builder.COLD),
        ]
    rows += [
        _arm("composed", plain.prepare, warm, bench),
        _arm("composed + seal", sealed.prepare, warm, bench),
        _arm("floor", Floor(bench).prepare, warm, bench),
    ]
    figures: dict[str, Any] = {
        "machine": {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "python": sys.version.split()[0]},
        "arms": rows,
        "all": [
            time_all(bench, today, f"all {len(today)} with the first five add-ons"),
            time_all(bench, every, f"all {len(every)} with eight add-ons"),
        ],
        "seals": seal_sizes(bench, every),
        "changed": change_an_addon(bench, today, "databases"),
        "ensure": ensure_figures(bench, warm),
    }
    if not fast:
        figures["pulls"] = pull_second(bench, chained, sealed)
    return figures


def _specified(catalog: Catalog) -> list[str]:
    """The add-ons of the specification's 192 combinations: the first five of the catalog."""
    return list(catalog.addons)[:5]


def _arm(
    name: str,
    prepare: Callable[[Combination], Operation],
    sample: Sequence[Combination],
    bench: Workbench,
    builder: Builder = Builder.NONE,
) -> dict[str, Any]:
    costs: list[Cost] = []
    made: list[str] = []
    for number, combination in enumerate(sample, start=1):
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{name}: {number} of {len(sample)}")
            sys.stderr.flush()
        operation = prepare(combination)
        if builder is Builder.COLD:
            empty_cache(bench.builder.name)
        cost, reference = bench.meter.measure(operation)
        costs.append(cost)
        made.append(reference)
        if builder is Builder.WARM:
            prune_cache(bench.builder.name, CACHE_GIGABYTES)
    sys.stderr.write("\n" if sys.stderr.isatty() else f"{name}: {len(sample)} measured\n")
    seconds, kept = [cost.seconds for cost in costs], bench.kept()
    return {
        "arm": name,
        "samples": len(costs),
        "p50": median(seconds),
        "p95": percentile(seconds, 95),
        "cpu_seconds": median([cost.cpu_seconds for cost in costs]),
        "requests": median([cost.requests for cost in costs]),
        "pushed_bytes": median([cost.sent for cost in costs]),
        "pulled_bytes": median([cost.received for cost in costs]),
        "registry_bytes": median(list(map(kept.add, made))),
        "costs": [asdict(cost) for cost in costs],
    }


def render(figures: dict[str, Any]) -> str:
    """The tables that people read."""
    machine = figures["machine"]
    text = f"{machine['cores']} cores, Python {machine['python']}, load at the start {machine['load']}\n\n"
    floor = next(row["p50"] for row in figures["arms"] if row["arm"] == "floor")
    rows = [
        (
            row["arm"],
            str(row["samples"]),
            _seconds(row["p50"]),
            _seconds(row["p95"]),
            f"{row['p50'] / floor:.1f}",
            f"{row['cpu_seconds']:.2f} s",
            f"{row['requests']:.0f}",
            _bytes(row["pushed_bytes"]),
            _bytes(row["pulled_bytes"]),
            _bytes(row["registry_bytes"]),
        )
        for row in figures["arms"]
    ]
    header = ("ONE MORE COMBINATION", "RUNS", "P50", "P95", "FLOORS", "CPU", "REQUESTS", "PUSHED", "PULLED", "KEPT")
    text += render_table(header, rows) + "\n"
    chained = next((row["p50"] for row in figures["arms"] if row["arm"] == "chained"), None)
    if chained is not None:
        sets = ", ".join(f"{count} in {_hours(chained * count)}" for count in (186, 1530))
        text += f"Chained, extrapolated from its median with all links shared: {sets}\n"
    for group, title in _GROUPS:
        for row in figures.get(group, []):
            text += f"{title}: " + ", ".join(f"{key} {_show(key, value)}" for key, value in row.items()) + "\n"
    return text


def _show(key: str, value: object) -> str:
    if isinstance(value, float) and ("seconds" in key or key.startswith("p")):
        return _seconds(value)
    if isinstance(value, int | float) and "bytes" in key:
        return _bytes(value)
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h"


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms"


def _bytes(value: float) -> str:
    for unit, size in (("MB", MEGABYTE), ("KB", 1000)):
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.0f} B"


def _port(container: str) -> int:
    found = re.search(r":(\d+)\s*$", _docker("port", container).splitlines()[0])
    if not found:
        sys.exit(f"container {container} publishes no port; run `codeopen part test --keep`")
    return int(found[1])


def _runs(container: str) -> bool:
    command = ["docker", "inspect", "--format", "{{.State.Running}}", container]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() == "true"
    except OSError:
        return False


def _process(container: str) -> int:
    return int(_docker("inspect", "--format", "{{.State.Pid}}", container))


def _named(name: str) -> list[int]:
    """The processes of that name, for their CPU-seconds."""
    found = []
    for status in Path("/proc").glob("[0-9]*/comm"):
        try:
            if status.read_text(encoding="utf-8").strip() == name:
                found.append(int(status.parent.name))
        except OSError:
            continue
    return found


def _docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"docker {' '.join(words)}: {done.stderr.strip()}; run `codeopen part test --keep` first")
    return done.stdout.strip()


if __name__ == "__main__":
    main()
