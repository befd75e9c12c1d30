"""``codeopen:index:ProcessLimit``: how many processes a container may have at a time, set through the docker CLI."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from threading import Event
from typing import ClassVar, Final

from provider.protocol.errors import PluginError
from provider.protocol.properties import Change, Kind, Property
from provider.protocol.resource import Change as InPlaceChange
from provider.protocol.resource import Observed, ResourceType, Stored
from provider.protocol.values import Properties, Value

ANSWER_SECONDS: Final = 60
"""How long the Engine may take: changing a container waits for whatever else is done to it."""

_CONTAINER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_MISSING: Final = re.compile(r"no such (container|object)", re.IGNORECASE)


class ContainerMissingError(PluginError):
    """The Engine has no such container."""


def _container(value: Value) -> Value:
    if not _CONTAINER.fullmatch(value):
        raise ValueError("must be a container's id or name")
    return value


def _limit(value: Value) -> Value:
    if value < 1:
        raise ValueError("must be at least 1")
    return value


class ProcessLimit(ResourceType):
    """The most processes and threads (Linux counts them alike) that a container may have at a time.

    It holds from its creation, over restarts of the container and the Engine. The Engine is the docker CLI's:
    ``DOCKER_HOST``, or the CLI's context. A refresh shows a limit that was changed or lifted, and whether the container
    is gone. Deleting this leaves the limit: it goes with its container.
    """

    token: ClassVar[str] = "codeopen:index:ProcessLimit"  # noqa: S105 - a type token, not a secret
    table: ClassVar[Mapping[str, Property]] = {
        "container": Property(Kind.STRING, required=True, canonical=_container, differs="id or name"),
        "limit": Property(Kind.INTEGER, required=True, change=Change.UPDATE, canonical=_limit, differs="1 or more"),
    }

    def create(self, inputs: Properties, cancelled: Event) -> Stored:  # noqa: ARG002
        _set_limit(str(inputs["container"]), int(inputs["limit"]))
        return Stored(str(inputs["container"]), inputs)

    def read(self, identifier: str, inputs: Properties, outputs: Properties) -> Observed | None:  # noqa: ARG002
        """An import takes the container's id, which says it all."""
        try:
            found = {**inputs, "container": identifier, "limit": _limit_of(identifier)}
        except ContainerMissingError:
            return None
        return Observed(identifier, found, found)

    def update(self, change: InPlaceChange, outputs: Properties, cancelled: Event) -> Properties:  # noqa: ARG002
        _set_limit(change.identifier, int(change.new["limit"]))
        return change.new

    def delete(self, identifier: str, outputs: Properties) -> None:
        """The limit goes with the container, which is a resource of its own."""


def _set_limit(container: str, limit: int) -> None:
    task = f"limit the container {container} to {limit} processes"
    _docker(task, "update", f"--pids-limit={limit}", "--", container)
    # Where the kernel can't limit processes, the Engine only warns.
    if _limit_of(container) != limit:
        raise PluginError(f"can't {task}: the Engine didn't take it; does its kernel have the pids controller?")


def _limit_of(container: str) -> int | None:
    """The limit that is set, if any."""
    task = f"look up the process limit of the container {container}"
    arguments = ("--type=container", "--format={{json .HostConfig.PidsLimit}}")
    found = json.loads(_docker(task, "inspect", *arguments, "--", container))
    return int(found) if found is not None and found > 0 else None


def _docker(task: str, *arguments: str) -> str:
    """What the docker CLI prints. Raises PluginError, or ContainerMissingError, that begins with "can't ``task``"."""
    try:
        done = subprocess.run(
            ["docker", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=ANSWER_SECONDS,
        )
    except FileNotFoundError:
        raise PluginError(f"can't {task}: there is no docker on PATH; install Docker's command line") from None
    except subprocess.TimeoutExpired:
        raise PluginError(f"can't {task}: the Docker Engine doesn't answer within {ANSWER_SECONDS} s") from None
    if done.returncode == 0:
        return done.stdout
    reason = done.stderr.strip() or f"docker ended with {done.returncode}"
    if _MISSING.search(reason):
        raise ContainerMissingError(f"can't {task}: {reason}; it was removed meanwhile, refresh (pulumi refresh)")
    raise PluginError(f"can't {task}: {reason}")
