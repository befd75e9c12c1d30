"""Ports, host ports and environment variables that several parts may want."""

from __future__ import annotations

from collections.abc import Iterator

from codeopen.errors import Problem
from codeopen.model.catalog.draft import Draft, combinable
from codeopen.model.catalog.model import Addon, Port
from codeopen.model.catalog.source import KeyPath


def _ports(draft: Draft) -> Iterator[tuple[KeyPath, Port]]:
    for part in draft.parts():
        for index, port in enumerate(part.ports):
            yield (*part.path, part.ports_key, index), port


def host_offsets_are_unique(draft: Draft) -> Iterator[Problem]:
    """All over the catalog, even where add-ons exclude each other: a project may go from one to the other."""
    holders: dict[int, str] = {}
    for path, port in _ports(draft):
        holder = holders.setdefault(port.host_offset, port.name)
        if holder != port.name:
            what = f"{port.host_offset} is also the host_offset of port {holder}"
            free = next((offset for offset in range(16) if offset not in holders), None)
            fix = "choose a free one" if free is None else f"choose a free one, as {free}"
            yield draft.problem((*path, "host_offset"), what, fix)


def port_names_are_unique(draft: Draft) -> Iterator[Problem]:
    holders: dict[str, KeyPath] = {}
    for path, port in _ports(draft):
        holder = holders.setdefault(port.name, path)
        if holder != path:
            what = f'another port is called "{port.name}" too'
            yield draft.problem((*path, "name"), what, "give each port a name of its own")


def ports_do_not_clash(draft: Draft) -> Iterator[Problem]:
    """Between all that can stand in one image. Each port is compared with those before it, and one clash is told."""
    taken: dict[int, list[Addon | None]] = {}  # None for the base
    for path, port in _ports(draft):
        addon = draft.addons[str(path[1])] if path[0] == "addons" else None
        others = taken.setdefault(port.port, [])
        for other in others:
            if addon is None or other is None or combinable(addon, other):
                what = f"port {port.port} is also used by {other.id if other else 'base'}"
                yield draft.problem((*path, "port"), what, _apart("port", addon, other))
                break
        others.append(addon)


def env_does_not_clash(draft: Draft) -> Iterator[Problem]:
    """Two values of one variable can't stand in one image; the same value may. One clash is told for each variable."""
    base = draft.base.env if draft.base else {}
    taken: dict[str, dict[str, list[Addon]]] = {}
    for addon in draft.addons.values():
        for key, value in addon.extra_env.items():
            path = ("addons", addon.id, "extra_env", key)
            values = taken.setdefault(key, {})
            if base.get(key, value) != value:
                yield draft.problem(path, f'base sets {key} to "{base[key]}"', "choose another name, or its value")
            elif other := _first_combinable(addon, value, values):
                what = f'{other.id} sets {key} to "{other.extra_env[key]}"'
                yield draft.problem(path, what, _apart("name", addon, other))
            values.setdefault(value, []).append(addon)


def _first_combinable(addon: Addon, value: str, values: dict[str, list[Addon]]) -> Addon | None:
    others = (other for theirs, holders in values.items() if theirs != value for other in holders)
    return next((other for other in others if combinable(addon, other)), None)


def _apart(noun: str, addon: Addon | None, other: Addon | None) -> str:
    if addon is None or other is None or addon is other:
        return f"choose another {noun}"
    return f"choose another {noun}, or list {addon.id} and {other.id} in each other's incompatible_with"


def env_agrees_with_ports(draft: Draft) -> Iterator[Problem]:
    """A variable ``<NAME>_PORT`` holds the port of that name, or at least one of the part's ports."""
    for part in draft.parts():
        numbers = {port.name: str(port.port) for port in part.ports}
        for key, value in part.env.items():
            if not key.endswith("_PORT"):
                continue
            name = key.removesuffix("_PORT").lower().replace("_", "-")
            right = [numbers[name]] if name in numbers else sorted(numbers.values())
            if value not in right:
                what = f'"{value}" is not the port that {key} is about'
                fix = (
                    f"write {' or '.join(right)}, or correct the port" if right else "add the port to the part's ports"
                )
                yield draft.problem((*part.path, part.env_key, key), what, fix)
