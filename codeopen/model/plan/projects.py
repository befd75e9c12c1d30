"""Projects of a stack: each a selection with a name and a block of host ports that is its own.

A block is a function of the project's id alone, so adding or removing another project never moves a port.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from codeopen.errors import ProjectError
from codeopen.model.catalog.model import Catalog
from codeopen.model.selection.name import Release
from codeopen.model.selection.resolve import resolve
from codeopen.model.selection.selection import Refusal, Resolution, Selection

BLOCK_SIZE: Final = 16
BLOCKS: Final = 1000
# RFC 1123 label, short enough for a host name with a prefix.
_ID: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?", re.ASCII)
# What Kubernetes takes as a label's value, which an owner becomes.
_OWNER: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)

# Containers are called codeopen-STACK-PROJECT, and the stack's registry codeopen-STACK-registry; namespaces
# codeopen-PROJECT, and the platform's own codeopen-system, codeopen-builder, codeopen-gpu and codeopen-gpu-POOL.
_RESERVED: Final = re.compile(r"registry|system|builder|gpu(?:-.*)?")


class State(StrEnum):
    """What a project has on its cluster.

    A hibernated one has all but a pod. A removed one has no workload; its namespace, claim and credentials stay.
    """

    RUNNING = "running"
    HIBERNATED = "hibernated"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Project:
    """A project as a stack's configuration declares it; ``port_block`` is None unless a collision asks for a choice.

    The rest matters on a cluster: ``name`` is for people and may change, ``owner`` is whose it is, ``image`` pins
    ``repository@sha256:…``.
    """

    id: str
    selection: Selection
    port_block: int | None = None
    name: str = ""
    owner: str = ""
    state: State = State.RUNNING
    image: str = ""

    @property
    def runs(self) -> bool:
        """Whether it is to have a pod."""
        return self.state is State.RUNNING


@dataclass(frozen=True, slots=True)
class PlannedProject:
    """A project with everything that follows from its selection; ``host_ports`` maps a port's name to its host port.

    ``platform`` is what its image is built for.
    """

    id: str
    resolution: Resolution
    host_ports: Mapping[str, int]
    project: Project
    platform: str


def plan_projects(
    catalog: Catalog, projects: Iterable[Project], release: Release, platform: str, first_port: int | None
) -> tuple[PlannedProject, ...]:
    """Resolve every project. Raises ProjectError with all that is wrong in all of them.

    Without ``first_port`` projects have no ports of the host, as on a cluster.
    """
    problems: list[str] = []
    owners: dict[int, str] = {}
    planned: list[PlannedProject] = []
    seen: set[str] = set()
    for project in projects:
        problems.extend(_identity_problems(project, seen))
        seen.add(project.id)
        block = project.port_block if project.port_block is not None else hashed_block(project.id)
        if first_port is not None and block in owners and owners[block] != project.id:
            problems.append(
                f"project {project.id!r}: its block of ports ({block}) is that of {owners[block]!r}; "
                f"give one of the two a portBlock from 0 to {BLOCKS - 1} that is free"
            )
        owners.setdefault(block, project.id)
        resolution = resolve(catalog, project.selection, release, platform)
        if isinstance(resolution, Refusal):
            problems.extend(f"project {project.id!r}: {reason}" for reason in resolution.reasons)
            continue
        ports: dict[str, int] = {}
        if first_port is not None:
            first = first_port + block * BLOCK_SIZE
            ports = {port.name: first + port.host_offset for port in resolution.ports}
        planned.append(PlannedProject(project.id, resolution, MappingProxyType(ports), project, platform))
    if problems:
        raise ProjectError("\n".join(problems))
    return tuple(planned)


def with_workloads(projects: Iterable[PlannedProject]) -> tuple[PlannedProject, ...]:
    """Those that have one, though it may sleep: they need an image, and room on the cluster once they wake."""
    return tuple(each for each in projects if each.project.state is not State.REMOVED)


def hashed_block(project_id: str) -> int:
    """The block of a project that doesn't choose one: the same on every machine, whatever else the stack holds."""
    return int.from_bytes(hashlib.sha256(project_id.encode()).digest()[:8], "big") % BLOCKS


def _identity_problems(project: Project, before: Collection[str]) -> Iterable[str]:
    if _ID.fullmatch(project.id) is None:
        yield (
            f"project {project.id!r}: the id must be 1 to 40 lower-case letters, digits and hyphens, starting with a "
            "letter and not ending with a hyphen; rename it"
        )
    if _RESERVED.fullmatch(project.id):
        yield f"project {project.id!r}: its container or namespace would have the name of the stack's own; rename it"
    if project.id in before:
        yield f"project {project.id!r}: declared twice; remove one or rename it"
    if project.owner and _OWNER.fullmatch(project.owner) is None:
        yield (
            f"project {project.id!r}: owner {project.owner!r} can't be a label; write 1 to 63 letters, digits, dots, "
            "hyphens and underscores, with a letter or a digit at both ends"
        )
    if project.port_block is not None and project.port_block not in range(BLOCKS):
        yield f"project {project.id!r}: portBlock {project.port_block} is out of range; take one from 0 to {BLOCKS - 1}"
