"""A preview that finds nothing to change, of a real stack and of a trivial program with a resource of each provider.

Both run in a copy of this checkout, with a backend, names and a registry of their own, and are removed afterwards.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.figures import Figure, medians
from tests.live import LiveStack, prepare_stack

PROJECT = {"id": "demo", "tier": "starter", "flavor": "js", "addons": ["databases"]}
UNCHANGED = ("preview", "--expect-no-changes", "--suppress-outputs")


def measure(root: Path, runs: int) -> list[Figure]:
    """The real program beside the trivial one; both are applied once before."""
    del root  # a copy of the checkout is what is measured
    with tempfile.TemporaryDirectory(prefix="codeopen-bench-") as folder, _stack(Path(folder)) as stack:
        config = stack.checkout / ".codeopen" / "stacks" / f"Pulumi.{stack.name}.yaml"
        real = partial(stack.pulumi, *UNCHANGED, "--config-file", str(config))
        with _floor(stack) as floor:
            taken = medians({"real": real, "floor": partial(floor.pulumi, *UNCHANGED)}, runs)
            counts = [len(_resources(each)) for each in (stack, floor)]
    name = f"preview of {counts[0]} resources"
    floor_name = f"one resource a provider ({counts[1]} in all)"
    return [Figure("no-change preview", name, taken["real"], floor_name, taken["floor"], runs, "at most 1.5 times")]


@contextmanager
def _stack(folder: Path) -> Iterator[LiveStack]:
    """The main job with one project, applied."""
    (folder / "state").mkdir()
    stack = prepare_stack(folder / "checkout", folder / "state")
    stack.configure(PROJECT)
    try:
        stack.codeopen("up")
        yield stack
    finally:
        stack.remove()


@contextmanager
def _floor(stack: LiveStack) -> Iterator[LiveStack]:
    """The trivial program in the same backend, applied. It shares nothing else with the stack."""
    floor = replace(stack, checkout=stack.checkout / "bench" / "floor_program")
    floor.pulumi("stack", "init")
    try:
        floor.pulumi("up", "--yes", "--skip-preview", "--suppress-outputs")
        yield floor
    finally:
        floor.pulumi("destroy", "--yes", "--skip-preview")


def _resources(stack: LiveStack) -> list[object]:
    """All that its state holds, the stack itself and its providers too."""
    resources: list[object] = json.loads(stack.pulumi("stack", "export").stdout)["deployment"]["resources"]
    return resources
