"""What a command with all its descendants takes: seconds, CPU-seconds, and the most memory at once."""

from __future__ import annotations

import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PERIOD_SECONDS = 0.05
_KILOBYTE = 1024


@dataclass(frozen=True, slots=True)
class Taken:
    """``peak_bytes`` is proportional memory (PSS): what several processes share counts once."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def take(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> tuple[Taken, str]:
    """Run a command, one at a time in this process. Returns what it took and printed; fails where it does."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    sampler = _Sampler(process.pid)
    sampler.start()
    output, errors = process.communicate()
    sampler.ends.set()
    sampler.join()
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}\n{output}\n{errors}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Taken(seconds, cpu, sampler.peak), output


class _Sampler(threading.Thread):
    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self._process = process
        self.ends = threading.Event()
        self.peak = 0

    def run(self) -> None:
        while not self.ends.wait(_PERIOD_SECONDS):
            self.peak = max(self.peak, sum(_memory(each) for each in _family(self._process)))


def _family(process: int) -> list[int]:
    """A process and all its descendants."""
    found = [process]
    for each in found:
        try:
            threads = list((_PROC / str(each) / "task").iterdir())
            for thread in threads:
                found += map(int, (thread / "children").read_text(encoding="utf-8").split())
        except OSError:
            continue  # it has just ended
    return found


def _memory(process: int) -> int:
    try:
        text = (_PROC / str(process) / "smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return 0
    (size,) = [line.split()[1] for line in text.splitlines() if line.startswith("Pss:")] or ["0"]
    return int(size) * _KILOBYTE
