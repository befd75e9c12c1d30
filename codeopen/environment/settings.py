"""A stack's configuration as one typed value.

Keys are declared and described in ``Pulumi.yaml``, which also checks their types; this module checks what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from codeopen.environment.cluster_settings import ClusterSettings
from codeopen.environment.mirror import MirroredUpstream, mirror_pins, read_mirror
from codeopen.environment.native import native_platform
from codeopen.environment.read_cluster import read_cluster_settings, scalar
from codeopen.errors import SettingsError
from codeopen.model.plan.plan import PlanRequest
from codeopen.model.plan.projects import BLOCK_SIZE, BLOCKS, Project, State
from codeopen.model.selection.name import Release
from codeopen.model.selection.selection import DEFAULT_PLATFORM, Selection

T = TypeVar("T")
POPULAR: Final = "popular"  # stands for the catalog's popular combinations
_LARGEST_PORT: Final = 65535
_PINNED: Final = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}", re.ASCII)
_KINDS: Final[Mapping[type, str]] = MappingProxyType(
    {str: "text", int: "a whole number", list: "a list", bool: "true or false"}
)
_PROJECT_KEYS: Final = frozenset({"id", "tier", "flavor", "addons", "portBlock", "name", "owner", "state", "image"})


@dataclass(frozen=True, slots=True)
class LoneProject:
    """The one project of a project stack, with the plan digest of its image, which whoever declared it computed."""

    project: Project
    plan_digest: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that differs from stack to stack. ``combinations`` are names, and POPULAR."""

    stack: str
    catalog: Path
    release: Release
    platforms: tuple[str, ...]
    parts: tuple[str, ...]
    combinations: tuple[str, ...]
    process_limit: int
    registry_port: int
    builder: str
    before_tag: str
    mirror: Mapping[str, MirroredUpstream]
    substitutes: bool
    first_host_port: int
    projects: tuple[Project, ...]
    cluster: ClusterSettings | None = None
    alone: LoneProject | None = None


class _Reader:
    """Takes values out of a configuration by their type, with errors that name the key."""

    def __init__(self, values: Mapping[str, Any], prefix: str = "codeopen:") -> None:
        self._values = values
        self._prefix = prefix

    def get(self, key: str, kind: type[T], default: T) -> T:
        value = self._values.get(key)
        if value is None or value == "":  # the CLI writes nothing as an empty text
            return default
        read = scalar(kind, value)
        if read is None:
            raise SettingsError(f"{self._prefix}{key}: {value!r} is not {_KINDS[kind]}; see Pulumi.yaml")
        return read


def read_settings(stack: str, values: Mapping[str, Any], checkout: Path, native: str = native_platform()) -> Settings:
    """Read a stack's configuration: keys without ``codeopen:``, values as the CLI has them. Raises SettingsError.

    A stack that names no platforms is for ``native``, this machine's, where projects run on this machine; a cluster's
    nodes are not known by it, so its stack is for the same one wherever it is read.
    """
    reader = _Reader(values)
    port = _port("registryPort", reader.get("registryPort", int, 5000))
    first = _port("hostPorts", reader.get("hostPorts", int, 16000))
    if first + BLOCK_SIZE * BLOCKS - 1 > _LARGEST_PORT:
        raise SettingsError(f"codeopen:hostPorts: {first} leaves no room for {BLOCK_SIZE * BLOCKS} ports; take 16000")
    version = reader.get("imageVersion", str, "") or _read_version(checkout / "VERSION")
    mirror = reader.get("mirror", str, "")
    usual = DEFAULT_PLATFORM if values.get("cluster") else native
    release = Release(
        reader.get("registry", str, "") or f"localhost:{port}", reader.get("owner", str, "codeopen"), version
    )
    return Settings(
        stack=stack,
        catalog=checkout / reader.get("catalog", str, "catalog"),
        release=release,
        platforms=_strings("codeopen:platforms", reader.get("platforms", list, []) or [usual]),
        parts=_optional_strings("codeopen:parts", reader.get("parts", list, [])),
        combinations=_optional_strings("codeopen:combinations", reader.get("combinations", list, [POPULAR])),
        process_limit=reader.get("processLimit", int, 2048),
        registry_port=port,
        builder=reader.get("builder", str, "codeopen"),
        before_tag=reader.get("beforeTag", str, ""),
        mirror=read_mirror(checkout / Path(mirror).expanduser()) if mirror else MappingProxyType({}),
        substitutes=reader.get("substitutes", bool, default=False),
        first_host_port=first,
        projects=tuple(
            read_project(f"codeopen:projects[{number}]", value)
            for number, value in enumerate(reader.get("projects", list, []))
        ),
        cluster=_read_cluster(values["cluster"], release) if values.get("cluster") else None,
        alone=_read_alone(values["project"]) if values.get("project") else None,
    )


def _read_cluster(value: Any, release: Release) -> ClusterSettings:
    """The cluster's settings; its nodes reach the registry by the host in the images' names, unless they say."""
    cluster = read_cluster_settings(value)
    host = cluster.registry.host or release.registry
    return replace(cluster, registry=replace(cluster.registry, host=host))


def plan_request(settings: Settings) -> PlanRequest:
    """What a stack asks of a plan, with the upstreams that its mirror puts in others' place. Raises SettingsError."""
    for name, mirrored in settings.mirror.items():
        for platform in settings.platforms:
            if mirrored.platforms and platform not in mirrored.platforms:
                held = ", ".join(mirrored.platforms)
                raise SettingsError(
                    f"codeopen:mirror: its {name} is for {held}, and the stack is for {platform}; "
                    "take a mirror for that, or correct codeopen:platforms"
                )
    return PlanRequest(settings.release, settings.platforms, mirror_pins(settings.mirror), settings.substitutes)


def _read_version(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"codeopen:imageVersion: {file} can't be read ({error}); write the version there") from None


def _port(key: str, value: int) -> int:
    if not 1 <= value <= _LARGEST_PORT:
        raise SettingsError(f"codeopen:{key}: {value} is not a TCP port; take one from 1 to {_LARGEST_PORT}")
    return value


def _strings(place: str, value: Sequence[Any]) -> tuple[str, ...]:
    if not value or not all(isinstance(item, str) for item in value):
        raise SettingsError(f"{place}: {value!r} is not a list of one or more strings; write one item a line")
    return tuple(value)


def _optional_strings(place: str, value: Sequence[Any]) -> tuple[str, ...]:
    return _strings(place, value) if value else ()


def _read_alone(value: Any) -> LoneProject:
    place = "codeopen:project"
    if not isinstance(value, dict):
        raise SettingsError(f"{place}: {value!r} is not a project; write id, tier and flavor")
    declared = {key: item for key, item in value.items() if key != "planDigest"}
    return LoneProject(read_project(place, declared), _Reader(value, f"{place}.").get("planDigest", str, ""))


def read_project(place: str, value: Any) -> Project:
    """A project as it is declared, wherever that is: ``place`` is what an error names. Raises SettingsError."""
    if not isinstance(value, dict):
        raise SettingsError(f"{place}: {value!r} is not a project; write id, tier and flavor")
    if unknown := sorted(set(value) - _PROJECT_KEYS):
        raise SettingsError(f"{place}: unknown key {unknown[0]!r}; the keys are {', '.join(sorted(_PROJECT_KEYS))}")
    reader = _Reader(value, f"{place}.")
    for key in ("id", "tier", "flavor"):
        if not reader.get(key, str, ""):
            raise SettingsError(f"{place}: {key} is missing; write it as in stacks/Pulumi.dev.yaml")
    addons = reader.get("addons", list, [])
    names = _optional_strings(f"{place}.addons", addons)
    return Project(
        id=value["id"],
        selection=Selection(value["tier"], value["flavor"], names),
        port_block=reader.get("portBlock", int, 0) if value.get("portBlock") is not None else None,
        name=reader.get("name", str, ""),
        owner=reader.get("owner", str, ""),
        state=_state(place, reader.get("state", str, "running")),
        image=_image(place, reader.get("image", str, "")),
    )


def _state(place: str, value: str) -> State:
    try:
        return State(value)
    except ValueError:
        states = " or ".join(State)
        raise SettingsError(f"{place}.state: {value!r} is not a state; write {states}") from None


def _image(place: str, value: str) -> str:
    if value and _PINNED.fullmatch(value) is None:
        raise SettingsError(f"{place}.image: {value!r} is not pinned; write repository@sha256:…, or leave it out")
    return value
