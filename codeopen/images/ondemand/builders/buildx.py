"""Builds with BuildKit through ``docker buildx``: the builder of this machine, or a remote one.

Source: docs of docker/buildx, "buildx build", "Drivers" (remote, kubernetes).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import IO, Any, Final

from codeopen.environment.children import run, started
from codeopen.errors import BuildError
from codeopen.images.ondemand.builders.job import BuildJob, Log
from codeopen.model.plan.exporting import image_export

_SHOWN_LINES: Final = 40
_CREATE_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class BuildxBuilder:
    """A builder by its name in ``docker buildx ls``. ``seconds`` bounds one build; paths are relative to ``folder``.

    ``compression`` is that of the layers it adds, as BuildKit names it; without ``cached`` every step is run again.
    """

    name: str
    folder: Path
    seconds: float = 3600
    compression: str = "gzip"
    cached: bool = True

    def build(self, job: BuildJob, log: Log) -> str:
        with tempfile.TemporaryDirectory() as temporary:
            metadata = Path(temporary) / "metadata.json"
            self._run(_command(self, job, metadata), job, log)
            return _digest(metadata, job)

    def _run(self, command: list[str], job: BuildJob, log: Log) -> None:
        last: deque[str] = deque(maxlen=_SHOWN_LINES)
        start = time.monotonic()
        with ExitStack() as running:
            try:
                options: dict[str, Any] = {"cwd": self.folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
                process = running.enter_context(started(command, **options, text=True, errors="replace"))
            except OSError as error:
                raise BuildError(f"{job.name}: docker can't be started ({error.strerror}); run: make setup") from error
            timer = Timer(self.seconds, os.killpg, (process.pid, signal.SIGKILL))
            timer.start()
            running.callback(timer.cancel)
            for line in _lines(process.stderr):
                last.append(line)
                log(line)
        if process.returncode:
            over = time.monotonic() - start >= self.seconds
            why = f"took longer than {self.seconds:.0f} s" if over else f"failed (exit code {process.returncode})"
            raise BuildError("\n".join((f"{job.name}: the build by builder {self.name} {why}:", *last)))


@dataclass(frozen=True, slots=True)
class RemoteBuilder:
    """A BuildKit elsewhere: ``endpoint`` is ``tcp://host:port``, ``unix://socket`` or ``kubernetes://``.

    ``options`` go to the driver as they are: for ``tcp`` ``cacert``, ``cert``, ``key`` and ``servername`` (files);
    for ``kubernetes`` ``namespace``, ``rootless``, ``replicas`` and others.
    """

    name: str
    endpoint: str
    options: Mapping[str, str]

    def create_command(self) -> list[str]:
        """The command that makes the builder known to buildx. Raises BuildError for an endpoint of no known kind."""
        scheme = self.endpoint.partition("://")[0]
        driver = {"tcp": "remote", "unix": "remote", "kubernetes": "kubernetes"}.get(scheme)
        if driver is None:
            raise BuildError(f"builder {self.endpoint!r}: write tcp://host:port, unix://socket or kubernetes://")
        command = ["docker", "buildx", "create", "--name", self.name, "--driver", driver]
        for key, value in sorted(self.options.items()):
            command += ["--driver-opt", f"{key}={value}"]
        return [*command, *([self.endpoint] if driver == "remote" else [])]

    def connect(self, folder: Path) -> BuildxBuilder:
        """Make it known to buildx, unless it is, and return it as a builder. Raises BuildError."""
        known = _call(["docker", "buildx", "inspect", self.name])
        if known.returncode:
            made = _call(self.create_command())
            if made.returncode and "existing instance" not in made.stderr:
                raise BuildError(f"builder {self.endpoint}: {made.stderr.strip()}")
        elif self.endpoint.partition("://")[0] != "kubernetes" and self.endpoint not in known.stdout:
            raise BuildError(
                f"builder {self.name}: it is known with another endpoint; run `docker buildx rm {self.name}`"
            )
        return BuildxBuilder(self.name, folder)


def _command(builder: BuildxBuilder, job: BuildJob, metadata: Path) -> list[str]:
    command = ["docker", "buildx", "build", "--builder", builder.name, "--progress", "plain", "--provenance", "false"]
    command += [
        "--platform",
        job.platform,
        "--output",
        image_export(job.repository, builder.compression),
        "--metadata-file",
        str(metadata),
    ]
    if not builder.cached:
        command.append("--no-cache")
    for name, location in sorted(job.named_contexts.items()):
        command += ["--build-context", f"{name}={location}"]
    for name, value in sorted(job.build_arguments.items()):
        command += ["--build-arg", f"{name}={value}"]
    for name, value in sorted(job.labels.items()):
        command += ["--label", f"{name}={value}"]
    return [*command, job.context]


def _digest(metadata: Path, job: BuildJob) -> str:
    try:
        return str(json.loads(metadata.read_text())["containerimage.digest"])
    except (OSError, ValueError, KeyError) as error:
        raise BuildError(f"{job.name}: buildx did not say which image it pushed ({error!r}); update buildx") from error


def _lines(stream: IO[str] | None) -> Iterator[str]:
    for line in stream or ():
        yield line.rstrip("\n")


def _call(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return run(command, seconds=_CREATE_SECONDS)
    except OSError as error:
        raise BuildError(f"docker can't be started ({error.strerror}); run: make setup") from error
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{' '.join(command[:4])}: no answer within {_CREATE_SECONDS} s") from error
