"""``make bench-projects``: what a project's stack takes, with 50 to 500 of them on one real control plane.

At each count: applying the new ones, previewing a sample of unchanged ones, previewing one alone; beside them an empty
stack in the same backend, by the same CLI. Figures are per project, and no test: what a machine is busy with shows.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.processes import Taken, take
from codeopen.cli.table import render_table
from codeopen.platform.projects.apply import cores
from tests.cluster.control_plane import control_plane
from tests.cluster.project_environment import NAME, Environment, project, project_environment
from tests.unit.images.registry.real_registry import distribution_3, serving

SIZES = tuple(range(50, 501, 50))
SAMPLE = 20
MEGABYTE = 1_000_000
NODE_PODS = 100


@dataclass(frozen=True, slots=True)
class Row:
    """What an operation takes for each project, with so many in the backend. ``peak`` is of those at work at once."""

    projects: int
    operation: str
    measured: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int


class Bench:
    """An environment that grows."""

    def __init__(self, team: Environment, parallel: int) -> None:
        self._team = team
        self._parallel = parallel
        self._there: list[str] = []
        self._empty = team.checkout / "bench" / "empty_program"

    def measure(self, size: int, sample: int) -> Iterator[Row]:
        """Grow to a size, then measure there."""
        new = [f"p{number:04}" for number in range(len(self._there), size)]
        yield self._row(size, "apply", new, self._codeopen(new))
        self._there += new
        step = max(1, size // sample)
        chosen = self._there[::step][:sample]
        yield self._row(size, "no-change preview", chosen, self._codeopen(chosen, "--dry-run"))
        yield self._row(size, "preview of one alone", chosen[:1], self._codeopen(chosen[:1], "--dry-run"))
        yield self._row(size, "empty stack: up", ["empty"], self._pulumi("up", "--yes", "--skip-preview"))
        yield self._row(size, "empty stack: preview", ["empty"], self._pulumi("preview"))

    def begin(self) -> None:
        """Make the empty stack, and fill caches."""
        self._pulumi("stack", "init", "--no-select", suppress=False)
        self._pulumi("up", "--yes", "--skip-preview")

    def _row(self, size: int, operation: str, projects: Sequence[str], taken: Taken) -> Row:
        count = len(projects)
        at_once = min(self._parallel, count)
        each = taken.seconds / count, taken.cpu_seconds / count, taken.peak_bytes // at_once
        return Row(size, operation, count, *each)

    def _codeopen(self, names: Sequence[str], *words: str) -> Taken:
        file = self._team.declare(*(project(name) for name in names))
        command = [sys.executable, "-m", "codeopen.cli", "project", "apply", file, "--stack", NAME, *words]
        command += ["--parallel", str(self._parallel), "--format", "json"]
        taken, output = take(command, self._team.checkout, self._team.environment)
        statuses = {row["status"] for row in json.loads(output)["projects"]}
        expected = "unchanged" if words else "changed"
        if statuses != {expected}:
            raise RuntimeError(f"{expected} was expected of all projects: {statuses}")
        return taken

    def _pulumi(self, *words: str, suppress: bool = True) -> Taken:
        command = ["pulumi", "--non-interactive", *words, "--stack", "empty"]
        if not suppress:
            command = [*command[:-2], "empty"]
        return take(command, self._empty, self._team.environment)[0]


@contextmanager
def bench(parallel: int, most: int) -> Iterator[Bench]:
    """A control plane with nodes for all projects, and a registry with their image."""
    with tempfile.TemporaryDirectory(prefix="codeopen-bench-") as name:
        folder = Path(name)
        for each in ("cluster", "registry", "team"):
            (folder / each).mkdir()
        with (
            control_plane(folder / "cluster") as cluster,
            serving(distribution_3(), folder / "registry") as registry,
            project_environment(folder / "team", cluster, registry) as team,
        ):
            for number in range(most // NODE_PODS + 1):
                cluster.add_node(f"node-{number}", capacity={"cpu": "1000", "memory": "4Ti"})
            team.publish(("js",))
            made = Bench(team, parallel)
            made.begin()
            yield made


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="bench.projects", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="N", help="default: 50 100 … 500")
    parser.add_argument(
        "--sample", type=int, default=SAMPLE, metavar="N", help="previews at each; default: %(default)s"
    )
    parser.add_argument("--parallel", type=int, default=cores(), metavar="N", help="default: one a core")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    load = round(os.getloadavg()[0], 1)
    rows: list[Row] = []
    with bench(options.parallel, max(options.sizes)) as made:
        for size in sorted(set(options.sizes)):
            for row in made.measure(size, options.sample):
                rows.append(row)
                sys.stderr.write(f"{row.projects} projects: {row.operation}: {row.seconds:.2f} s each\n")
    machine = {"cores": cores(), "parallel": options.parallel, "load_before": load, "python": sys.version.split()[0]}
    if options.json:
        whole = {"machine": machine, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(_render(rows, f"{machine}"))


def _render(rows: Sequence[Row], about: str) -> str:
    cells = [
        (
            str(row.projects),
            row.operation,
            str(row.measured),
            f"{row.seconds:.2f} s",
            f"{row.cpu_seconds:.2f} s",
            f"{row.peak_bytes / MEGABYTE:.0f} MB",
        )
        for row in rows
    ]
    return f"{about}\n\n{render_table(('STACKS', 'WHAT', 'OF', 'EACH', 'CPU EACH', 'PEAK'), cells)}"


if __name__ == "__main__":
    main()
