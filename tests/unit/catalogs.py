"""Small catalogs as values, for tests that need no files: the specification's tables, and what a test changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from codeopen.model.catalog.model import (
    Account,
    AccountKind,
    Addon,
    Base,
    Catalog,
    CommandCheck,
    Companion,
    Flavor,
    PopularCombination,
    Port,
    PortCheck,
    Status,
    Tier,
    Upstream,
    UpstreamKind,
)
from codeopen.model.quantity import Cpu, Memory

AMD64 = "linux/amd64"
ARM64 = "linux/arm64"


def make_tier(name: str, cpu: str, memory: str, reservation: str, storage_gb: int, price: int, order: int) -> Tier:
    return Tier(
        id=name,
        name=name.title(),
        description="",
        cpu_limit=Cpu.parse(cpu),
        memory_limit=Memory.parse(memory),
        memory_reservation=Memory.parse(reservation),
        storage_gb=storage_gb,
        monthly_price_cents=price,
        is_default=order == 1,
        sort_order=order,
    )


def make_flavor(name: str, order: int = 1, size_mb: int = 800) -> Flavor:
    return Flavor(
        id=name,
        name=name.title(),
        description="",
        status=Status.AVAILABLE,
        languages=(),
        runtimes=(),
        package_managers=(),
        tools=(),
        frameworks=(),
        estimated_size_mb=size_mb,
        specified_size_mb=size_mb,
        is_default=name == "fullstack",
        sort_order=order,
        takes=(),
        checks=(CommandCheck(name, (name, "--version"), "1"),),
        upstreams=("packages",),
        platforms=(AMD64,),
    )


def make_addon(
    name: str,
    suffix: str = "",
    *,
    cpu: str = "0",
    memory: str = "0Mi",
    ports: tuple[Port, ...] = (),
    env: Mapping[str, str] | None = None,
    price: int = 0,
    order: int = 1,
) -> Addon:
    return Addon(
        id=name,
        name=name.title(),
        description="",
        status=Status.AVAILABLE,
        image_suffix=suffix or name,
        extra_cpu=Cpu.parse(cpu),
        extra_memory=Memory.parse(memory),
        shared_memory=Memory(0),
        extra_ports=ports,
        extra_env=MappingProxyType(dict(env or {})),
        requires_tier=None,
        requires_addons=(),
        incompatible_with=(),
        gpus=0,
        monthly_price_cents=price,
        sort_order=order,
        layer_order=order,
        includes=(),
        checks=(),
        upstreams=("packages",),
        platforms=(AMD64,),
    )


def make_companion(name: str, flavors: tuple[str, ...], addons: tuple[str, ...]) -> Companion:
    return Companion(
        id=name,
        name=name.title(),
        description="",
        with_flavors=flavors,
        with_addons=addons,
        includes=("a library",),
        estimated_size_mb=6000,
        checks=(CommandCheck(f"{name}-check", (name,), "1"),),
        replaces=(),
        upstreams=("packages",),
        platforms=(AMD64,),
    )


def make_base() -> Base:
    return Base(
        name="Base",
        description="",
        source="https://example.org/source",
        estimated_size_mb=500,
        specified_size_mb=500,
        platforms=(AMD64,),
        ports=(Port(4096, "opencode", "", 0, "OPENCODE_SERVER"), Port(4097, "acp-gateway", "", 1, "ACP_GATEWAY")),
        env=MappingProxyType({"OPENCODE_PORT": "4096", "ACP_GATEWAY_PORT": "4097"}),
        accounts=(Account("developer", AccountKind.USER, 1000, "/home/developer", ""),),
        tools=("git",),
        checks=(
            CommandCheck("git", ("git", "--version"), "git version"),
            PortCheck("opencode", 4096, "/global/health", 200, '"healthy":true', "OPENCODE_SERVER"),
        ),
        upstreams=("ubuntu", "packages"),
    )


def make_catalog(
    *,
    base: Base | None = None,
    tiers: Iterable[Tier] | None = None,
    flavors: Iterable[Flavor] | None = None,
    addons: Iterable[Addon] | None = None,
    companions: Iterable[Companion] = (),
    popular: tuple[PopularCombination, ...] = (),
) -> Catalog:
    """The specification's tiers, flavors and add-ons, or those that a test gives in their place."""
    return Catalog(
        base=base or make_base(),
        tiers=MappingProxyType({tier.id: tier for tier in tiers or spec_tiers()}),
        flavors=MappingProxyType({flavor.id: flavor for flavor in flavors or spec_flavors()}),
        addons=MappingProxyType({addon.id: addon for addon in (spec_addons() if addons is None else addons)}),
        companions=MappingProxyType({companion.id: companion for companion in companions}),
        popular=popular,
        upstreams=MappingProxyType(
            {
                "ubuntu": Upstream(
                    "ubuntu",
                    UpstreamKind.IMAGE,
                    "",
                    "24.04",
                    "docker.io/library/ubuntu",
                    "sha256:" + "0" * 64,
                    "GPL",
                    None,
                ),
                "packages": Upstream(
                    "packages", UpstreamKind.PACKAGE_ARCHIVE, "", "20261101", "ubuntu", "", "GPL", None
                ),
            }
        ),
        legacy=MappingProxyType({}),
    )


def spec_tiers() -> tuple[Tier, ...]:
    return (
        make_tier("starter", "1", "2Gi", "1Gi", 20, 0, 1),
        make_tier("builder", "2", "4Gi", "2Gi", 30, 1000, 2),
        make_tier("creator", "4", "8Gi", "4Gi", 50, 2500, 3),
        make_tier("power", "8", "16Gi", "8Gi", 100, 5000, 4),
    )


def spec_flavors() -> tuple[Flavor, ...]:
    names = ("js", "python", "go", "rust", "fullstack", "polyglot")
    return tuple(make_flavor(name, order) for order, name in enumerate(names, start=1))


def spec_addons() -> tuple[Addon, ...]:
    """The five add-ons of today, in layer order, and the three planned ones."""
    vnc, editor = Port(6080, "vnc", "", 2, "KASMVNC"), Port(8080, "code-server", "", 3, "CODE_SERVER")
    today = (
        make_addon("gui", cpu="2", memory="4Gi", ports=(vnc,), env={"DISPLAY": ":1"}, price=1000, order=1),
        make_addon("code-server", "code", cpu="1", memory="2Gi", ports=(editor,), price=500, order=2),
        make_addon("databases", "db", memory="1Gi", price=500, order=3),
        make_addon("cloud", memory="512Mi", order=4),
        replace(make_addon("gpu", price=3000, order=5), requires_tier="creator", gpus=1),
    )
    planned = (
        replace(make_addon(name, order=order), status=Status.PLANNED)
        for order, name in enumerate(("mobile", "jvm", "security"), start=6)
    )
    return (*today, *planned)
