"""The cgroups of a real node's pods on the host, of both versions."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MOUNT: Final = Path("/sys/fs/cgroup")
_REMOVE_SECONDS: Final = 10
_CPUSET: Final = ("cpuset.mems", "cpuset.cpus")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the kernel grants a container, and the processes (their numbers on the host) that run in it."""

    memory: int
    cpus: float
    used: int
    processes: tuple[int, ...]


@contextmanager
def root(name: str) -> Iterator[str]:
    """An empty cgroup in every hierarchy; it goes with all below it. ``name`` ends with the number of this process."""
    stem = name.rpartition("-")[0]
    for each in {found.name for hierarchy in _hierarchies() for found in hierarchy.glob(f"{stem}-*")}:
        if not Path("/proc", each.rpartition("-")[2]).exists():
            _remove(each)
    for hierarchy in _hierarchies():
        (hierarchy / name).mkdir()
        for file in _CPUSET:
            # A new cpuset of version 1 has no processor, and nothing can run in it.
            if (hierarchy / name / file).exists() and not _is_version_2():
                (hierarchy / name / file).write_text((hierarchy / file).read_text())
    try:
        yield name
    finally:
        _remove(name)


def read_bounds(root: str, pod: Mapping[str, Any]) -> Bounds:
    """Of the only container of a pod that is Burstable, as every workspace is."""
    (status,) = pod["status"]["containerStatuses"]
    place = Path(
        root, "kubepods", "burstable", f"pod{pod['metadata']['uid']}", status["containerID"].rpartition("/")[2]
    )
    if _is_version_2():
        quota, period = (MOUNT / place / "cpu.max").read_text().split()
        memory, used, group = "memory.max", "memory.current", MOUNT / place
    else:
        quota, period = ((MOUNT / "cpu" / place / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        memory, used, group = "memory.limit_in_bytes", "memory.usage_in_bytes", MOUNT / "memory" / place
    return Bounds(
        memory=int((group / memory).read_text()),
        cpus=int(quota) / int(period),
        used=int((group / used).read_text()),
        processes=tuple(int(line) for line in (group / "cgroup.procs").read_text().split()),
    )


def _is_version_2() -> bool:
    return (MOUNT / "cgroup.controllers").exists()


def _hierarchies() -> list[Path]:
    if _is_version_2():
        return [MOUNT]
    return [each for each in MOUNT.iterdir() if not each.is_symlink() and (each / "cgroup.procs").exists()]


def _remove(name: str) -> None:
    """The kernel takes a moment to let go of a cgroup whose last process has ended."""
    deadline = time.monotonic() + _REMOVE_SECONDS
    while left := [hierarchy / name for hierarchy in _hierarchies() if (hierarchy / name).exists()]:
        for top in left:
            for folder, _, _ in os.walk(top, topdown=False):
                with suppress(OSError):
                    Path(folder).rmdir()
        assert time.monotonic() < deadline, f"these cgroups don't go: {left}"
        time.sleep(0.05)
