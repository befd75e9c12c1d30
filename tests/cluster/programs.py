"""Programs that a test starts together and that end together, even when the test's own process is killed."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

import go_tools
from cluster_tools import KUBELET, KUBERNETES, KWOK
from go_tools import GoTool
from paths import Paths
from tests.live import ROOT

LAST_LINES = 20
POLL_SECONDS = 0.1
LIGHT = (KUBERNETES, KWOK)
T = TypeVar("T")


class ClusterError(Exception):
    """A part of the test's cluster does not start, or does not do what it was waited for."""


def tools(tool: GoTool) -> Path:
    """The folder of what set-up compiled, at this checkout's pins. Where it is missing, the test fails and says how."""
    folder = go_tools.directory(Paths(ROOT, Path.home()), tool)
    if folder.is_dir():
        return folder
    missing = "kubelet" if tool is KUBELET else tool.module
    also = "cluster" if tool in LIGHT else "cluster-full"
    pytest.fail(
        f"no compiled {missing} {tool.version}; run: python3 tools/setup/set_up.py --also {also}", pytrace=False
    )


@dataclass(frozen=True, slots=True)
class Program:
    """One that runs, or ran; its output goes to ``log``."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes]

    def last_lines(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LAST_LINES:])

    def require_running(self) -> None:
        code = self.process.poll()
        if code is not None:
            raise ClusterError(f"{self.name} ended with code {code}:\n{self.last_lines()}")

    def end(self, seconds: float = 5) -> None:
        """End it in an orderly way, or at once when it takes longer than so many seconds."""
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(slots=True)
class Programs:
    """The programs of one cluster, in one process group that a keeper kills when this process is gone."""

    folder: Path
    keeper: subprocess.Popen[bytes]
    running: dict[str, Program] = field(default_factory=dict)

    def start(self, name: str, *command: str | Path, environment: Mapping[str, str] | None = None) -> Program:
        words = tuple(str(word) for word in command)
        # HOME: some read a user's own configuration from there, which is not the test's.
        given = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **(environment or {})}
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=given,
                cwd=self.folder,
                process_group=self.keeper.pid,
            )
        program = Program(name, words, given, log, process)
        self.running[name] = program
        return program

    def restart(self, name: str) -> Program:
        """End one at once, if it still runs, and start it as before."""
        before = self.running[name]
        before.end(seconds=0)
        return self.start(name, *before.command, environment=before.environment)

    def end(self, name: str) -> None:
        self.running.pop(name).end()

    def wait_for(self, what: str, ready: Callable[[], T | None], seconds: float = 30) -> T:
        """Ask until the answer is something true, and return it. Fails in time, or as soon as a program has ended."""
        deadline = time.monotonic() + seconds
        while not (answer := ready()):
            for program in self.running.values():
                program.require_running()
            if time.monotonic() > deadline:
                logs = "\n".join(f"== {program.name}\n{program.last_lines()}" for program in self.running.values())
                raise ClusterError(f"after {seconds:.0f} s: {what} not yet\n{logs}")
            time.sleep(POLL_SECONDS)
        return answer


@contextmanager
def together(folder: Path) -> Iterator[Programs]:
    """Programs that are all ended at the end."""
    # It waits for a word that never comes: the pipe closes when this process ends, however it does. It is the leader of
    # the group that it then kills, itself included.
    keeper = subprocess.Popen(["sh", "-c", "read _; kill -s KILL 0"], stdin=subprocess.PIPE, process_group=0)
    programs = Programs(folder, keeper)
    try:
        yield programs
    finally:
        for program in programs.running.values():
            program.process.terminate()
        for program in programs.running.values():
            program.end()
        assert keeper.stdin is not None
        keeper.stdin.close()
        keeper.wait()
