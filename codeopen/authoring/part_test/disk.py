"""Watches how much of the disks a trial takes, and keeps a builder's cache small."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from codeopen.environment.children import run

_SAMPLE_SECONDS: Final = 1.0
_COMMAND_SECONDS: Final = 300


class DiskWatch:
    """The most that was used of some disks since the beginning, whoever used it."""

    def __init__(self, used: Callable[[], int]) -> None:
        self._used = used
        self._start = used()
        self._most = self._start

    def sample(self) -> None:
        self._most = max(self._most, self._used())

    @property
    def peak(self) -> int:
        return self._most - self._start


@contextmanager
def watched_disk(used: Callable[[], int]) -> Iterator[DiskWatch]:
    """Sample the use of disks every second, until the end of the block."""
    watch = DiskWatch(used)
    over = threading.Event()

    def sample() -> None:
        while not over.wait(_SAMPLE_SECONDS):
            watch.sample()

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()
        watch.sample()


def used_bytes(folders: Iterable[Path]) -> int:
    """What is used of the disks that the folders lie on, each disk once."""
    disks = {folder.stat().st_dev: folder for folder in folders if folder.exists()}
    return sum(shutil.disk_usage(folder).used for folder in disks.values())


def working_folders() -> tuple[Path, ...]:
    """Where images are kept: the Docker Engine's folder, and the user's, where BuildKit may have its cache."""
    root = _run("docker", "info", "--format", "{{.DockerRootDir}}").strip()
    return (*((Path(root),) if root else ()), Path.home())


def prune_cache(builder: str, gigabytes: int) -> None:
    """Make a builder's cache no larger than this. A builder that doesn't answer says so in the next build."""
    limit = f"{gigabytes}GB"
    _run("docker", "buildx", "prune", "--builder", builder, "--force", "--max-used-space", limit)


def empty_cache(builder: str) -> None:
    """Take everything from a builder's cache, as in one that was just made."""
    _run("docker", "buildx", "prune", "--builder", builder, "--all", "--force")


def _run(*command: str) -> str:
    try:
        done = run(command, seconds=_COMMAND_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if not done.returncode else ""
