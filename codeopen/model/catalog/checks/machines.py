"""GPU models and machines agree, and each machine could be a node."""

from __future__ import annotations

from collections.abc import Iterator

from codeopen.errors import Problem
from codeopen.model.catalog.draft import Draft
from codeopen.model.catalog.gpus import Machine, NodePlatform
from codeopen.model.catalog.names import closest, known
from codeopen.model.catalog.pool_platforms import machine_platforms
from codeopen.model.catalog.source import KeyPath


def _machines(draft: Draft) -> Iterator[tuple[KeyPath, NodePlatform, Machine]]:
    for platform in draft.gpus.platforms.values() if draft.gpus else ():
        for machine in platform.machines.values():
            yield ("gpus", "platforms", platform.id, "machines", machine.id), platform, machine


def _unknown_model(draft: Draft, path: KeyPath, name: str, *, at_key: bool = False) -> Iterator[Problem]:
    models = draft.gpus.models if draft.gpus else {}
    if name not in models:
        near = closest(name, models)
        fix = f"did you mean {near}?" if near else f"use one of {known(models)}, or add it to gpus.models"
        yield draft.problem(path, f'there is no GPU model "{name}"', fix, at_key=at_key)


def platforms_are_known(draft: Draft) -> Iterator[Problem]:
    valid = machine_platforms()
    for name in draft.gpus.platforms if draft.gpus else ():
        if name not in valid:
            what = f'what a node of "{name}" keeps for itself is not known'
            near = closest(name, valid)
            fix = f"did you mean {near}?" if near else f"use one of {known(valid)}"
            yield draft.problem(("gpus", "platforms", name), what, fix, at_key=True)


def machines_name_known_models(draft: Draft) -> Iterator[Problem]:
    for path, _, machine in _machines(draft):
        if machine.model:
            yield from _unknown_model(draft, (*path, "model"), machine.model)


def accelerators_name_known_models(draft: Draft) -> Iterator[Problem]:
    for platform in draft.gpus.platforms.values() if draft.gpus else ():
        for name in platform.accelerators:
            path = ("gpus", "platforms", platform.id, "accelerators", name)
            yield from _unknown_model(draft, path, name, at_key=True)


def machines_with_gpus_say_which(draft: Draft) -> Iterator[Problem]:
    for path, platform, machine in _machines(draft):
        if bool(machine.gpus) != bool(machine.model):
            there, missing = ("gpus", "model") if machine.gpus else ("model", "gpus")
            yield draft.problem(path, f"it has {there}, but no {missing}", "write both, or neither", at_key=True)
        elif draft.gpus and machine.model in draft.gpus.models.keys() - platform.accelerators.keys():
            what = f"the platform's accelerators have no name for {machine.model}"
            fix = f"add {machine.model} to accelerators of {platform.id}"
            yield draft.problem((*path, "model"), what, fix)


def machines_can_be_nodes(draft: Draft) -> Iterator[Problem]:
    """What the platform's own pods take must be less than there is."""
    for path, platform, machine in _machines(draft):
        system = platform.system_pods
        if machine.cpu.millicores <= system.cpu.millicores:
            what = f"the platform's own pods take all of its CPU ({system.cpu})"
            yield draft.problem((*path, "cpu"), what, "choose a larger machine")
        if machine.memory.bytes <= system.memory.bytes:
            what = f"the platform's own pods take all of its memory ({system.memory})"
            yield draft.problem((*path, "memory"), what, "choose a larger machine")
        if machine.pods <= system.pods:
            what = f"the platform's own {system.pods} pods leave no room for others"
            yield draft.problem((*path, "pods"), what, f"write more than {system.pods}")
