"""Containers to verify images in: without network, capabilities and new privileges, and never left behind."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from codeopen.environment.children import run
from codeopen.errors import VerifyError

HOME: Final = "/home/developer"
_ENGINE_SECONDS: Final = 120.0
_PULL_SECONDS: Final = 900.0
_COMMAND_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended, or was given up (``code`` is None) after its time limit."""

    code: int | None
    output: str
    errors: str
    seconds: float

    @property
    def told(self) -> str:
        """What went wrong, in a few words: the last line that it said."""
        lines = (self.errors.strip() or self.output.strip()).splitlines()
        ending = f"no end after {self.seconds:.0f} s" if self.code is None else f"exit code {self.code}"
        return f"{ending}: {lines[-1]}" if lines else ending


@dataclass(frozen=True, slots=True)
class Surroundings:
    """How containers are started: their labels, and what ``network`` gives them (with ports to publish, if any)."""

    labels: Mapping[str, str]
    network: str = "none"
    publish: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Container:
    """A running container, by its name."""

    name: str

    def run(self, *command: str, seconds: float = _COMMAND_SECONDS, given: str = "", user: str = "") -> Ran:
        """Run a command in it, with ``given`` on its standard input."""
        who = ["--user", user] if user else []
        return _docker(["exec", "--interactive", *who, self.name, *command], seconds, given=given)

    def logs(self) -> str:
        """Everything that its services have written."""
        ran = _docker(["logs", self.name], _ENGINE_SECONDS)
        return ran.output + ran.errors

    def state(self) -> Mapping[str, Any]:
        """The Engine's words on it. Raises VerifyError."""
        state: Mapping[str, Any] = json.loads(_engine(["inspect", "--format", "{{json .State}}", self.name]))
        return state

    def stop(self, seconds: int) -> float:
        """Send SIGTERM, and SIGKILL after some seconds; returns how long it took. Raises VerifyError."""
        start = time.monotonic()
        _engine(["stop", "--time", str(seconds), self.name])
        return time.monotonic() - start

    def host_port(self, port: int) -> int:
        """The port on the loopback address that a port of it is published at. Raises VerifyError."""
        return int(_engine(["port", self.name, f"{port}/tcp"]).splitlines()[0].rpartition(":")[2])


@contextmanager
def started(image: str, surroundings: Surroundings, *command: str) -> Iterator[Container]:
    """A container of an image with its own command or another one, removed with its volume. Raises VerifyError."""
    container = Container(f"codeopen-verify-{secrets.token_hex(6)}")
    words = [
        "run",
        "--detach",
        "--name",
        container.name,
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
        "--volume",
        HOME,
    ]
    words += ["--network", surroundings.network]
    for port in surroundings.publish:
        words += ["--publish", f"127.0.0.1::{port}"]
    for name, value in surroundings.labels.items():
        words += ["--label", f"{name}={value}"]
    # By name alone: a command line can be read by everybody.
    for name in surroundings.environment:
        words += ["--env", name]
    try:
        _engine([*words, image, *command], _PULL_SECONDS, surroundings.environment)
        yield container
    finally:
        _docker(["rm", "--force", "--volumes", container.name], _ENGINE_SECONDS)


@contextmanager
def own_network(labels: Mapping[str, str]) -> Iterator[str]:
    """The name of a network whose containers reach each other and nothing else. Raises VerifyError."""
    name = f"codeopen-verify-{secrets.token_hex(6)}"
    words = [word for label, value in labels.items() for word in ("--label", f"{label}={value}")]
    try:
        _engine(["network", "create", "--internal", *words, name])
        yield name
    finally:
        _docker(["network", "rm", name], _ENGINE_SECONDS)


def remove_images(references: Sequence[str]) -> None:
    """Remove the Engine's copies of images; those that are in use or not there stay as they are."""
    if references:
        _docker(["image", "rm", *references], _ENGINE_SECONDS)


def remove_containers(*labels: str) -> None:
    """Remove the containers and networks that have all of these labels, ``name`` or ``name=value``.

    A container's anonymous volumes go with it.
    """
    filters = [word for label in labels for word in ("--filter", f"label={label}")]
    listed = _docker(["ps", "--all", "--quiet", *filters], _ENGINE_SECONDS).output.split()
    if listed:
        _docker(["rm", "--force", "--volumes", *listed], _ENGINE_SECONDS)
    networks = _docker(["network", "ls", "--quiet", *filters], _ENGINE_SECONDS).output.split()
    if networks:
        _docker(["network", "rm", *networks], _ENGINE_SECONDS)


def _engine(
    words: Sequence[str], seconds: float = _ENGINE_SECONDS, environment: Mapping[str, str] | None = None
) -> str:
    ran = _docker(words, seconds, environment=environment)
    if ran.code:
        raise VerifyError(f"docker {words[0]}: {ran.errors.strip()}; is the Docker Engine running?")
    if ran.code is None:
        raise VerifyError(f"docker {words[0]}: no answer in {seconds:.0f} s; see that the Docker Engine is well")
    return ran.output


def _docker(
    words: Sequence[str], seconds: float, *, given: str = "", environment: Mapping[str, str] | None = None
) -> Ran:
    start = time.monotonic()
    try:
        done = run(["docker", *words], given=given, env={**os.environ, **(environment or {})}, seconds=seconds)
    except subprocess.TimeoutExpired as error:
        return Ran(None, _text(error.stdout), _text(error.stderr), time.monotonic() - start)
    except OSError as error:
        raise VerifyError(f"docker can't be started ({error.strerror}); install it, or run `make setup`") from error
    return Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - start)


def _text(output: str | bytes | None) -> str:
    return output.decode("utf-8", errors="replace") if isinstance(output, bytes) else output or ""
