"""What an operation costs: seconds, CPU-seconds of everybody who takes part, and what went over the wire."""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench.composing.proxy import CountingProxy

T = TypeVar("T")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """One operation. ``sent`` and ``received`` are bytes to and from the registry."""

    seconds: float
    cpu_seconds: float
    requests: int
    sent: int
    received: int


@dataclass(frozen=True, slots=True)
class Meter:
    """Measures operations; ``processes`` are those that work for them beside this one and its children."""

    proxy: CountingProxy
    processes: Sequence[int]

    def measure(self, operation: Callable[[], T]) -> tuple[Cost, T]:
        """What an operation cost, and what it returned."""
        traffic, cpu, start = self.proxy.traffic, self._cpu(), time.perf_counter()
        result = operation()
        seconds = time.perf_counter() - start
        spent = self.proxy.traffic - traffic
        return Cost(seconds, self._cpu() - cpu, spent.requests, spent.sent, spent.received), result

    def _cpu(self) -> float:
        own = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(each.ru_utime + each.ru_stime for each in own) + sum(map(_cpu_of, self.processes))


def _cpu_of(process: int) -> float:
    """CPU-seconds of a process and its children that have ended. Source: proc(5), fields 14 to 17."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that this share of all does not exceed; of few values the largest."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * percent // 100) - 1))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
