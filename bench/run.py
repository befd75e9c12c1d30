"""``make bench``: what planning, a preview and the command line take, each beside its floor.

Figures are medians of alternating runs. They are no test: what a machine is busy with shows in them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from bench import command_line, planning, preview
from bench.figures import Figure
from codeopen.cli.table import render_table

MILLISECOND: Final = 0.001
ROOT: Final = Path(__file__).resolve().parent.parent
MEASUREMENTS: Final[Mapping[str, tuple[Callable[[Path, int], list[Figure]], int]]] = {
    "planning": (planning.measure, 9),
    "cli": (command_line.measure, 11),
    "preview": (preview.measure, 7),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(MEASUREMENTS)}; default: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.names) - set(MEASUREMENTS)):
        parser.error(f"there is no {unknown[0]!r}; take some of {', '.join(MEASUREMENTS)}")
    load_before = os.getloadavg()[0]
    figures: list[Figure] = []
    for name in options.names or MEASUREMENTS:
        measure, runs = MEASUREMENTS[name]
        figures += measure(ROOT, runs)
    machine = {"cores": os.cpu_count(), "load_before": round(load_before, 1), "python": sys.version.split()[0]}
    if options.json:
        options.json.write_text(json.dumps(_as_data(machine, figures), indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(_render(machine, figures))


def _as_data(machine: Mapping[str, Any], figures: Sequence[Figure]) -> dict[str, Any]:
    return {"machine": machine, "figures": [{**asdict(figure), "ratio": round(figure.ratio, 2)} for figure in figures]}


def _render(machine: Mapping[str, Any], figures: Sequence[Figure]) -> str:
    rows = [
        (
            figure.group,
            figure.name,
            _seconds(figure.seconds),
            figure.floor_name,
            _seconds(figure.floor_seconds),
            f"{figure.ratio:.2f}",
            figure.target or "-",
            str(figure.runs),
        )
        for figure in figures
    ]
    header = ("WHAT", "OF", "MEDIAN", "FLOOR", "MEDIAN", "RATIO", "TARGET", "RUNS")
    about = f"{machine['cores']} cores, Python {machine['python']}, load at the start {machine['load_before']}"
    return f"{about}\n\n{render_table(header, rows)}"


def _seconds(value: float) -> str:
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1000:.1f} ms" if value >= MILLISECOND else f"{value * 1_000_000:.0f} us"


if __name__ == "__main__":
    main()
