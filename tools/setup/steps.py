"""A step of set-up as data: what it is for, whether it is done already, and how to do it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from commands import SetupError


@dataclass(frozen=True, slots=True)
class Step:
    """``found`` says in a few words what is there already, or is None; ``run`` makes it and says what it made."""

    title: str
    plan: str
    found: Callable[[], str | None]
    run: Callable[[], str]


def perform(steps: Sequence[Step]) -> None:
    """Do what is missing, one line a step with the seconds it took. Raises SetupError at the first that fails."""
    width = len(str(len(steps)))
    terminal = sys.stdout.isatty()
    for number, step in enumerate(steps, 1):
        start = time.monotonic()
        label = f"[{number:>{width}}/{len(steps)}] {step.title:<16}"
        there = step.found()
        if there is None:
            if terminal:
                print(f"{label} {step.plan} …", end="\r", flush=True)
            else:
                print(f"{label} {step.plan} …", flush=True)
            try:
                made = step.run()
            except SetupError:
                if terminal:
                    print()
                raise
            line = f"{label} {made}, {time.monotonic() - start:.0f} s"
        else:
            line = f"{label} {there}"
        print(f"\x1b[K{line}" if terminal else line, flush=True)


def show(steps: Sequence[Step]) -> None:
    """Print what ``perform`` would do, and change nothing."""
    for step in steps:
        there = step.found()
        print(f"  {step.title:<16} {f'found: {there}' if there else f'would: {step.plan}'}")
