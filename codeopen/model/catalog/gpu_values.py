"""Turn the content of ``gpus.yaml`` into values of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from codeopen.model.catalog.gpus import GpuModel, Gpus, Machine, NodePlatform, SystemPods
from codeopen.model.catalog.values import Entry

Built = TypeVar("Built")


def build_gpus(entry: Entry) -> Gpus:
    return Gpus(models=_each(entry, "models", _build_model), platforms=_each(entry, "platforms", _build_platform))


def _each(entry: Entry, key: str, make: Callable[[Entry], Built]) -> Mapping[str, Built]:
    """The entries below a key, each built; their problems become this entry's."""
    built = {}
    for name, fields in entry.fields[key].items():
        inner = Entry(entry.document, (*entry.path, key, name), fields)
        built[name] = make(inner)
        entry.problems += inner.problems
    return MappingProxyType(built)


def _build_model(entry: Entry) -> GpuModel:
    fields = entry.fields
    return GpuModel(
        id=str(entry.path[-1]),
        name=fields["name"],
        description=fields["description"],
        memory=entry.memory("memory"),
        product=fields["product"],
        time_slicing=fields["time_slicing"],
        mig=MappingProxyType(dict(fields["mig"])),
    )


def _build_platform(entry: Entry) -> NodePlatform:
    fields = entry.fields
    system = Entry(entry.document, (*entry.path, "system_pods"), fields["system_pods"])
    system_pods = SystemPods(system.cpu("cpu"), system.memory("memory"), system.fields["pods"])
    entry.problems += system.problems
    return NodePlatform(
        id=str(entry.path[-1]),
        name=fields["name"],
        region=fields["region"],
        as_of=fields["as_of"],
        memory_overhead=fields["memory_overhead"],
        node_disk=entry.memory("node_disk"),
        disk_overhead=fields["disk_overhead"],
        system_pods=system_pods,
        accelerators=MappingProxyType(dict(fields["accelerators"])),
        machines=_each(entry, "machines", _build_machine),
    )


def _build_machine(entry: Entry) -> Machine:
    fields = entry.fields
    name = str(entry.path[-1])
    return Machine(
        id=name,
        machine=fields.get("machine", name),
        cpu=entry.cpu("cpu"),
        memory=entry.memory("memory"),
        gpus=fields.get("gpus", 0),
        model=fields.get("model", ""),
        pods=fields["pods"],
        millicents=fields["millicents"],
    )
