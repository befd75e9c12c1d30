"""A figure beside its floor, and how both are measured: medians of alternating runs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """What something takes and what the least possible would, in seconds; ``target`` is what was asked for, as text."""

    group: str
    name: str
    seconds: float
    floor_name: str
    floor_seconds: float
    runs: int
    target: str = ""

    @property
    def ratio(self) -> float:
        return self.seconds / self.floor_seconds


def medians(subjects: Mapping[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """The median seconds of each subject. They take turns (A B A B …), so that a busy machine hits all of them alike.

    A first turn that isn't counted fills caches.
    """
    taken: dict[str, list[float]] = {name: [] for name in subjects}
    for turn in range(runs + 1):
        for name, subject in subjects.items():
            start = time.perf_counter()
            subject()
            if turn:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in taken.items()}
