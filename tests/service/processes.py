"""The service as a process, as its users start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from codeopen.service.database.opening import Database
from tests.live import free_port

ROOT = Path(__file__).parents[2]
START = 60.0  # seconds; a busy machine


def environment(folder: Path, database: Database | None = None) -> dict[str, str]:
    url = {"CODEOPEN_DATABASE": database.engine.url.render_as_string(hide_password=False)} if database else {}
    return {**os.environ, "CODEOPEN_STACK": "offline", "XDG_DATA_HOME": str(folder / "data"), **url}


class Process:
    """A service as a process of its own, which can be killed and started again at the same address."""

    def __init__(self, env: dict[str, str], folder: Path, *words: str) -> None:
        self._env, self._words, self._port = env, words, free_port()
        self.log = folder / "service.log"
        self.url = f"http://127.0.0.1:{self._port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "codeopen.cli", "service", "run", "--port", str(self._port), *self._words],
                cwd=ROOT,
                env=self._env,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + START
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it, and return how it ended."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(20)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def served(env: dict[str, str], folder: Path, *words: str) -> Iterator[Process]:
    """A service that runs, and ends well when it is told to."""
    service = Process(env, folder, *words)
    try:
        service.start()
        yield service
        assert service.end() == 0
    finally:
        if service.process is not None and service.process.poll() is None:
            service.end(signal.SIGKILL)
