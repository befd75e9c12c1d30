"""Turn entries that their schema allows into values of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from codeopen.errors import Problem, QuantityError
from codeopen.model.catalog.model import (
    Account,
    AccountKind,
    Addon,
    Base,
    Check,
    CommandCheck,
    Companion,
    Flavor,
    LegacyMapping,
    PopularCombination,
    Port,
    PortCheck,
    Source,
    Status,
    Substitute,
    Tier,
    Upstream,
    UpstreamKind,
)
from codeopen.model.catalog.source import Document, KeyPath, show_path
from codeopen.model.quantity import Cpu, Memory

Quantity = TypeVar("Quantity", Cpu, Memory)
Fields = Mapping[str, Any]


class Entry:
    """An entry's fields on the way into the model; ``problems`` collects the quantities that are none."""

    def __init__(self, document: Document, path: KeyPath, fields: Fields) -> None:
        self.document = document
        self.path = path
        self.fields = fields
        self.problems: list[Problem] = []

    def cpu(self, key: str) -> Cpu:
        return self._quantity(key, Cpu.parse, Cpu(0))

    def memory(self, key: str) -> Memory:
        return self._quantity(key, Memory.parse, Memory(0))

    def _quantity(self, key: str, parse: Callable[[str], Quantity], instead: Quantity) -> Quantity:
        try:
            return parse(self.fields[key])
        except QuantityError as error:
            what, _, fix = str(error).partition(": ")
            path = (*self.path, key)
            self.problems.append(Problem(self.document.place(path), show_path(path), what, fix))
            return instead


def build_tier(entry: Entry) -> Tier:
    fields = entry.fields
    return Tier(
        id=str(entry.path[-1]),
        name=fields["name"],
        description=fields["description"],
        cpu_limit=entry.cpu("cpu_limit"),
        memory_limit=entry.memory("memory_limit"),
        memory_reservation=entry.memory("memory_reservation"),
        storage_gb=fields["storage_gb"],
        monthly_price_cents=fields["monthly_price_cents"],
        is_default=fields["is_default"],
        sort_order=fields["sort_order"],
    )


def build_base(entry: Entry) -> Base:
    fields = entry.fields
    return Base(
        name=fields["name"],
        description=fields["description"],
        source=fields["source"],
        estimated_size_mb=fields["estimated_size_mb"],
        platforms=tuple(fields["platforms"]),
        ports=_ports(fields["ports"]),
        env=_env(fields["env"]),
        accounts=tuple(_account(account) for account in fields["accounts"]),
        tools=tuple(fields["tools"]),
        checks=_checks(fields["checks"]),
        upstreams=tuple(fields["upstreams"]),
        specified_size_mb=fields.get("specified_size_mb"),
    )


def build_flavor(entry: Entry) -> Flavor:
    fields = entry.fields
    return Flavor(
        id=str(entry.path[-1]),
        name=fields["name"],
        description=fields["description"],
        status=Status(fields["status"]),
        languages=tuple(fields["languages"]),
        runtimes=tuple(fields["runtimes"]),
        package_managers=tuple(fields["package_managers"]),
        tools=tuple(fields["tools"]),
        frameworks=tuple(fields["frameworks"]),
        estimated_size_mb=fields["estimated_size_mb"],
        is_default=fields["is_default"],
        sort_order=fields["sort_order"],
        takes=tuple(fields.get("takes", ())),
        checks=_checks(fields["checks"]),
        upstreams=tuple(fields["upstreams"]),
        platforms=tuple(fields["platforms"]),
        not_for=MappingProxyType(dict(fields.get("not_for", {}))),
        specified_size_mb=fields.get("specified_size_mb"),
    )


def build_addon(entry: Entry) -> Addon:
    fields = entry.fields
    return Addon(
        id=str(entry.path[-1]),
        name=fields["name"],
        description=fields["description"],
        status=Status(fields["status"]),
        image_suffix=fields["image_suffix"],
        extra_cpu=entry.cpu("extra_cpu"),
        extra_memory=entry.memory("extra_memory"),
        shared_memory=entry.memory("shared_memory") if "shared_memory" in fields else Memory(0),
        extra_ports=_ports(fields["extra_ports"]),
        extra_env=_env(fields["extra_env"]),
        requires_tier=fields["requires_tier"],
        requires_addons=tuple(fields["requires_addons"]),
        incompatible_with=tuple(fields["incompatible_with"]),
        gpus=fields["gpus"],
        monthly_price_cents=fields["monthly_price_cents"],
        sort_order=fields["sort_order"],
        layer_order=fields["layer_order"],
        includes=tuple(fields["includes"]),
        checks=_checks(fields["checks"]),
        upstreams=tuple(fields["upstreams"]),
        platforms=tuple(fields["platforms"]),
        not_for=MappingProxyType(dict(fields.get("not_for", {}))),
        estimated_size_mb=fields.get("estimated_size_mb"),
    )


def build_companion(entry: Entry) -> Companion:
    fields = entry.fields
    return Companion(
        id=str(entry.path[-1]),
        name=fields["name"],
        description=fields["description"],
        with_flavors=tuple(fields["with_flavors"]),
        with_addons=tuple(fields["with_addons"]),
        includes=tuple(fields["includes"]),
        estimated_size_mb=fields["estimated_size_mb"],
        checks=_checks(fields["checks"]),
        replaces=tuple(fields.get("replaces", ())),
        upstreams=tuple(fields["upstreams"]),
        platforms=tuple(fields["platforms"]),
        not_for=MappingProxyType(dict(fields.get("not_for", {}))),
    )


def build_popular(entry: Entry) -> PopularCombination:
    fields = entry.fields
    return PopularCombination(flavor=fields["flavor"], addons=tuple(fields["addons"]), reason=fields["reason"])


def build_upstream(entry: Entry) -> Upstream:
    fields = entry.fields
    return Upstream(
        id=str(entry.path[-1]),
        kind=UpstreamKind(fields["kind"]),
        description=fields["description"],
        version=fields["version"],
        reference=fields.get("reference", ""),
        digest=fields.get("digest", ""),
        license=fields["license"],
        substitute=_substitute(fields["substitute"]) if "substitute" in fields else None,
        platforms=tuple(fields.get("platforms", ())),
        files=MappingProxyType(
            {name: Source(file["reference"], file["digest"]) for name, file in fields.get("files", {}).items()}
        ),
        not_for=MappingProxyType(dict(fields.get("not_for", {}))),
    )


def _substitute(fields: Fields) -> Substitute:
    return Substitute(
        version=fields["version"],
        note=fields["note"],
        upstreams=tuple(fields["upstreams"]) if "upstreams" in fields else None,
        outputs=MappingProxyType(dict(fields.get("outputs", {}))),
        without=tuple(fields.get("without", ())),
    )


def _account(fields: Fields) -> Account:
    return Account(
        fields["name"], AccountKind(fields["kind"]), fields["id"], fields.get("home", ""), fields["description"]
    )


def build_legacy(entry: Entry) -> LegacyMapping:
    fields = entry.fields
    return LegacyMapping(
        legacy_tier=str(entry.path[-1]), tier=fields["tier"], flavor=fields["flavor"], addons=tuple(fields["addons"])
    )


def _ports(ports: list[Fields]) -> tuple[Port, ...]:
    return tuple(
        Port(port["port"], port["name"], port["description"], port["host_offset"], port["credential"]) for port in ports
    )


def _env(env: Fields) -> Mapping[str, str]:
    return MappingProxyType(dict(env))


def _checks(checks: list[Fields]) -> tuple[Check, ...]:
    return tuple(_port_check(check) if "port" in check else _command_check(check) for check in checks)


def _command_check(check: Fields) -> CommandCheck:
    return CommandCheck(check["name"], tuple(check["command"]), check["output"])


def _port_check(check: Fields) -> PortCheck:
    return PortCheck(
        name=check["name"],
        port=check["port"],
        path=check["path"],
        status=check["status"],
        body=check["body"],
        credential=check["credential"],
    )
