"""The stack that parts are tried with: beside a stack of the checkout, like it, with a registry of its own.

It has no projects, and each build names the one part that it is about. Images are found again by their plan digests, so
that the part after it builds nothing twice.
"""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from codeopen.authoring.part_test.target import Target
from codeopen.environment.children import run
from codeopen.environment.settings import Settings, plan_request, read_settings
from codeopen.environment.stack_file import PREFIX, read_stack_document, read_stack_values
from codeopen.errors import TrialError
from codeopen.model.catalog.model import Catalog
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.context import read_contexts
from codeopen.model.plan.parts import BASE, list_builds
from codeopen.model.plan.plan import BuildPlan, make_plan
from codeopen.platform.deploy.events import Event
from codeopen.platform.deploy.report import ImageRow, list_images
from codeopen.platform.deploy.stack import Stack, Watch

LABEL: Final = "codeopen.stack"
_SUFFIX: Final = "-trial"
_NO_CHANGES: Final[Mapping[str, Any]] = MappingProxyType({})
# A pre-release, whose tags move, and the same for all times: a kept image is found again with the label that it has.
_VERSION: Final = "0.0.0-trial"
_DISTANCE: Final = 900
_PORTS_TRIED: Final = 50
_LARGEST_PORT: Final = 65535
_COMMAND_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Built:
    """An image that the stack made or found, the base that it stands on, and what the run did."""

    row: ImageRow
    base: str
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class TrialStack:
    """The stack, with its settings and its plan."""

    name: str
    checkout: Path
    document: Mapping[str, Any]
    settings: Settings
    catalog: Catalog
    plan: BuildPlan

    def build(self, target: Target, watch: Watch) -> Built:
        """Build one image with all that it stands on. Raises DeployError."""
        combinations = [target.name] if target.combination else []
        stack = self._stack(parts=[str(target.part)], combinations=combinations)
        events = stack.up(watch)
        rows = {row.part: row for row in list_images(stack.outputs(), events)}
        if target.name not in rows:
            raise TrialError(f"stack {self.name} made no image {target.name}; see {stack.log}")
        return Built(rows[target.name], rows[str(BASE)].reference, events)

    def remove(self, watch: Watch) -> None:
        """Remove its registry with all images, and the stack itself. Raises DeployError."""
        self._stack(parts=[], combinations=[]).remove(watch)

    @property
    def label(self) -> Mapping[str, str]:
        """What containers of this stack carry: a later run removes what a killed one left."""
        return MappingProxyType({LABEL: self.name})

    def _stack(self, *, parts: Iterable[str], combinations: Iterable[str]) -> Stack:
        chosen = {f"{PREFIX}parts": list(parts), f"{PREFIX}combinations": list(combinations)}
        text = yaml.safe_dump({**self.document, "config": {**self.document["config"], **chosen}}, allow_unicode=True)
        return Stack(self.name, self.checkout, self.checkout / ".codeopen" / "stacks", text)


def open_trial(stack: str, checkout: Path, changes: Mapping[str, Any] = _NO_CHANGES, suffix: str = "") -> TrialStack:
    """The trial's stack beside a stack of this checkout. Raises CodeOpenError for what keeps it from being planned.

    ``changes`` are values in the place of the stack's, for a trial whose name has a ``suffix`` of its own.
    """
    name = f"{stack}{_SUFFIX}{suffix}"
    values = {**read_stack_values(checkout, stack), **changes}
    port = _choose_port(name, read_settings(stack, values, checkout).registry_port)
    own = {"registryPort": port, "imageVersion": _VERSION, "projects": []}
    settings = read_settings(name, {**values, **own, "beforeTag": ""}, checkout)
    document = read_stack_document(checkout, stack)  # with secrets as they are in the file: this is written to another
    document["config"] |= {f"{PREFIX}{key}": value for key, value in own.items()}
    document["config"].pop(f"{PREFIX}beforeTag", None)  # what is only tried is not signed
    catalog = read_catalog(settings.catalog)
    plan = make_plan(catalog, read_contexts(checkout, list_builds(catalog)), plan_request(settings))
    return TrialStack(name, checkout, MappingProxyType(document), settings, catalog, plan)


def _choose_port(stack: str, registry_port: int) -> int:
    """The port of the stack's registry if it runs, or the first free one from a distance on. Raises TrialError."""
    if running := _published_port(f"codeopen-{stack}-registry"):
        return running
    first = registry_port + _DISTANCE
    if first + _PORTS_TRIED > _LARGEST_PORT:
        first = registry_port - _DISTANCE
    for port in range(first, first + _PORTS_TRIED):
        if _is_free(port):
            return port
    raise TrialError(f"no port from {first} to {first + _PORTS_TRIED - 1} is free for a registry; end what uses them")


def _published_port(container: str) -> int:
    """The port on the loopback address of a running container; 0 when there is none. The Engine's errors come later."""
    command = ["docker", "port", container]
    try:
        done = run(command, seconds=_COMMAND_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r":(\d+)$", done.stdout.strip())
    return int(found[1]) if found and not done.returncode else 0


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
