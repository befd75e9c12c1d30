"""The catalog in this repository is sound, and says what the specification's tables say (typed from there)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from types import MappingProxyType

import pytest

from codeopen.model.catalog.model import Addon, Base, Catalog, Flavor, PortCheck, Status, UpstreamKind
from codeopen.model.catalog.read import read_catalog
from codeopen.model.selection.compatibility import why_not
from tests.unit.model.catalog.copies import REAL, ROOT

SPECIFICATION_TIERS = """
starter Starter 1    2Gi    20    0 Learning, scripts, small projects
builder Builder 2    4Gi    30 1000 Web development, typical projects
creator Creator 4    8Gi    50 2500 Full-stack, multiple services
power   Power   8   16Gi   100 5000 Complex workloads, large codebases
"""

JS = (["pnpm", "yarn", "npm"], ["esbuild", "vite", "tsx", "turbo"])
JS_FRAMEWORKS = ["React", "Vue", "Next.js", "Express", "Fastify", "Hono"]
PYTHON = (["pip", "uv", "poetry"], ["ruff", "jupyter", "ipython"])
PYTHON_FRAMEWORKS = ["Django", "Flask", "FastAPI", "PyTorch", "TensorFlow", "LangChain"]
GO = ["gopls", "golangci-lint", "air", "delve"]
GO_FRAMEWORKS = ["Gin", "Echo", "Fiber", "Chi"]
RUST = ["cargo", "clippy", "rustfmt", "rust-analyzer", "cargo-watch"]
RUST_FRAMEWORKS = ["Actix-web", "Axum", "Tokio", "Rocket"]

# id: name, size, languages, runtimes, package managers, tools, frameworks
SPECIFICATION_FLAVORS = {
    "js": ("JavaScript", 800, ["JavaScript", "TypeScript"], ["Node.js 22 LTS"], *JS, JS_FRAMEWORKS),
    "python": ("Python", 1200, ["Python"], ["Python 3.12"], *PYTHON, PYTHON_FRAMEWORKS),
    "go": ("Go", 900, ["Go"], ["Go 1.22"], [], GO, GO_FRAMEWORKS),
    "rust": ("Rust", 1100, ["Rust"], ["Rust (latest stable via rustup)"], [], RUST, RUST_FRAMEWORKS),
    "fullstack": (
        "Full-Stack", 1800, ["JavaScript", "TypeScript", "Python"], ["Node.js 22", "Python 3.12"],
        ["pnpm", "pip", "uv"], [], ["React", "Next.js", "FastAPI", "Django"],
    ),
    "polyglot": (
        "Polyglot", 3000, ["JavaScript", "TypeScript", "Python", "Go", "Rust"],
        ["Node.js 22", "Python 3.12", "Go 1.22", "Rust"],
        JS[0] + PYTHON[0], JS[1] + PYTHON[1] + GO + RUST,
        JS_FRAMEWORKS + PYTHON_FRAMEWORKS + GO_FRAMEWORKS + RUST_FRAMEWORKS,
    ),
}  # fmt: skip

# id: suffix, CPU, memory, ports, requires, GPUs, cents, environment
SPECIFICATION_ADDONS: dict[str, tuple[str, str, str, list[int], str | None, int, int, dict[str, str]]] = {
    "gui": (
        "gui", "2", "4Gi", [6080], None, 0, 1000,
        {"DISPLAY": ":1", "KASMVNC_PORT": "6080", "WIDTH": "1280", "HEIGHT": "800"},
    ),
    "code-server": (
        "code", "1", "2Gi", [8080], None, 0, 500, {"CODE_SERVER_PORT": "8080", "CODE_SERVER_AUTH": "none"},
    ),
    "gpu": (
        "gpu", "0", "0", [], "creator", 1, 3000,
        {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"},
    ),
    "databases": ("db", "0", "1Gi", [], None, 0, 500, {}),
    "cloud": ("cloud", "0", "512Mi", [], None, 0, 0, {}),
}  # fmt: skip
# The specification names what these hold ("Planned Add-ons"), and no figures.
PLANNED_THERE = {"mobile": "mobile", "jvm": "jvm", "security": "security"}

POPULAR = [
    # the specification's example rows, its build-order tree, and the default flavor
    ("js", set()),
    ("python", {"gui"}),
    ("fullstack", {"code-server"}),
    ("polyglot", {"databases", "gui"}),
    ("python", {"gpu"}),
    ("js", {"code-server"}),
    ("js", {"gui"}),
    ("js", {"code-server", "gui"}),
    ("python", set()),
    ("python", {"code-server"}),
    ("fullstack", set()),
]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return read_catalog(REAL)


def test_tiers(catalog: Catalog) -> None:
    rows = [line.split(maxsplit=6) for line in SPECIFICATION_TIERS.strip().splitlines()]
    tiers = [
        [
            t.id, t.name, str(t.cpu_limit), str(t.memory_limit), str(t.storage_gb), str(t.monthly_price_cents),
            t.description,
        ]
        for t in catalog.tiers.values()
    ]  # fmt: skip
    assert tiers == rows
    assert [str(tier.memory_reservation) for tier in catalog.tiers.values()] == ["1Gi", "2Gi", "4Gi", "8Gi"]
    assert [tier.id for tier in catalog.tiers.values() if tier.is_default] == ["starter"]


def test_flavors(catalog: Catalog) -> None:
    flavors = {
        f.id: (
            f.name, f.specified_size_mb, list(f.languages), list(f.runtimes), list(f.package_managers), list(f.tools),
            list(f.frameworks),
        )
        for f in catalog.flavors.values()
    }  # fmt: skip
    assert flavors == SPECIFICATION_FLAVORS
    assert list(catalog.flavors) == ["js", "python", "go", "rust", "fullstack", "polyglot"]
    assert catalog.default_flavor.id == "fullstack"
    assert {flavor.status for flavor in catalog.flavors.values()} == {Status.AVAILABLE}


def test_addons(catalog: Catalog) -> None:
    available = {
        a.id: (
            a.image_suffix, str(a.extra_cpu), str(a.extra_memory), [port.port for port in a.extra_ports],
            a.requires_tier, a.gpus, a.monthly_price_cents, dict(a.extra_env),
        )
        for a in catalog.addons.values()
        if a.id not in PLANNED_THERE
    }  # fmt: skip
    assert available == SPECIFICATION_ADDONS
    assert len(catalog.addons["gui"].includes) == 6
    assert len(catalog.addons["databases"].includes) == 4
    assert len(catalog.addons["cloud"].includes) == 5


def test_the_specifications_planned_addons_can_be_had(catalog: Catalog) -> None:
    assert {name: catalog.addons[name].image_suffix for name in PLANNED_THERE} == PLANNED_THERE
    assert {addon.status for addon in catalog.addons.values()} == {Status.AVAILABLE}
    assert not any(catalog.addons[name].monthly_price_cents for name in PLANNED_THERE)


def test_base(catalog: Catalog) -> None:
    assert catalog.base.specified_size_mb == 500
    assert dict(catalog.base.env) == {
        "LANG": "C.UTF-8",
        "OPENCODE_PORT": "4096",
        "ACP_GATEWAY_PORT": "4097",
        "OPENCODE_HOST": "0.0.0.0",  # noqa: S104  the specification's bind address inside the container
        "WORKSPACE": "/home/developer/workspace",
    }
    health = [check for check in catalog.base.checks if isinstance(check, PortCheck)]
    assert [(check.port, check.path, check.status) for check in health] == [
        (4096, "/global/health", 200),
        (4097, "/healthz", 200),
    ]
    assert re.search(health[0].body, '{"healthy":true,"version":"1.18.33"}')
    assert health[0].credential == "OPENCODE_SERVER"


def test_ports(catalog: Catalog) -> None:
    ports = [*catalog.base.ports, *(port for addon in catalog.addons.values() for port in addon.extra_ports)]
    assert [(p.port, p.name, p.host_offset) for p in ports] == [
        (4096, "opencode", 0),
        (4097, "acp-gateway", 1),
        (6080, "vnc", 2),
        (8080, "code-server", 3),
    ]


def test_popular(catalog: Catalog) -> None:
    popular = [(combination.flavor, set(combination.addons)) for combination in catalog.popular]
    assert sorted(popular, key=repr) == sorted(popular_rows := POPULAR, key=repr)
    assert len(popular_rows) == 11


def test_legacy(catalog: Catalog) -> None:
    legacy = {m.legacy_tier: (m.tier, m.flavor, m.addons) for m in catalog.legacy.values()}
    assert legacy == {
        "lite": ("starter", "polyglot", ()),
        "standard": ("builder", "polyglot", ()),
        "pro": ("creator", "polyglot", ()),
        "desktop": ("power", "polyglot", ("gui",)),
    }


def test_every_available_part_has_checks(catalog: Catalog) -> None:
    available = [addon for addon in catalog.addons.values() if addon.status is Status.AVAILABLE]
    assert catalog.base.checks
    assert all(flavor.checks for flavor in catalog.flavors.values())
    assert all(addon.checks for addon in available)


def test_upstreams_are_pinned(catalog: Catalog) -> None:
    """For every platform of every part that uses them: a file and an image by a digest, the others by their version."""
    parts: list[Base | Flavor | Addon] = [catalog.base, *catalog.flavors.values(), *catalog.addons.values()]
    used = {(name, platform) for part in parts for name in part.upstreams for platform in part.platforms}
    for name, platform in used:
        upstream = catalog.upstreams[name]
        assert upstream.has(platform), f"{name} on {platform}"
        by_digest = upstream.kind in {UpstreamKind.IMAGE, UpstreamKind.FILE}
        assert bool(re.fullmatch("sha256:[0-9a-f]{64}", upstream.source(platform).digest)) == by_digest
    assert {platform for _, platform in used} == {"linux/amd64", "linux/arm64"}
    assert catalog.upstreams["ubuntu"].version == "24.04"
    assert catalog.upstreams["node"].version.startswith("22.")


def test_files_of_two_platforms_are_two_files(catalog: Catalog) -> None:
    for upstream in catalog.upstreams.values():
        sources = list(upstream.files.values())
        assert len({source.digest for source in sources}) == len({source.reference for source in sources})
        assert len({source.reference for source in sources}) == len(sources)


def test_what_is_built_for_arm64_and_why_the_rest_is_not(catalog: Catalog) -> None:
    parts: dict[str, Flavor | Addon] = {**catalog.flavors, **catalog.addons}
    lacking = {name: why_not(catalog, part, "linux/arm64") for name, part in parts.items()}
    assert {name for name, why in lacking.items() if why} == {"cloud", "mobile"}
    assert "no Flutter SDK for Linux on arm64" in lacking["mobile"]
    for name, part in parts.items():
        assert ("linux/arm64" in part.platforms) != bool(lacking[name])
        assert "linux/amd64" in part.platforms


def test_the_model_is_read_only(catalog: Catalog) -> None:
    mappings: list[Mapping[str, object]] = [
        catalog.tiers, catalog.flavors, catalog.addons, catalog.upstreams, catalog.legacy, catalog.base.env,
        catalog.addons["gui"].extra_env,
    ]  # fmt: skip
    assert all(isinstance(mapping, MappingProxyType) for mapping in mappings)
    with pytest.raises(FrozenInstanceError):
        catalog.base.name = "other"  # type: ignore[misc]  # that it can't be set is the test


@pytest.mark.parametrize(
    "environment", [{"LANG": "tr_TR.UTF-8", "TZ": "Pacific/Kiritimati"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}]
)
def test_the_same_under_any_locale_time_zone_and_umask(environment: Mapping[str, str], catalog: Catalog) -> None:
    script = "import sys; from pathlib import Path; from codeopen.model.catalog.read import read_catalog; "
    script += "sys.stdout.write(ascii(read_catalog(Path('catalog'))))"
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT, env={"PATH": os.defpath, "PYTHONHASHSEED": "7", **environment}, umask=0o077,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout == ascii(catalog)


@pytest.mark.parametrize("flavor", ["js", "python", "go", "rust", "fullstack", "polyglot"])
def test_every_framework_has_a_check_of_its_own(catalog: Catalog, flavor: str) -> None:
    """Its own, or that of a flavor that it takes, which its image inherits."""

    def plain(name: str) -> str:
        return re.sub(r"[^a-z]", "", name.lower().removesuffix(".js").removeprefix("py"))

    parts = [catalog.flavors[flavor], *(catalog.flavors[taken] for taken in catalog.flavors[flavor].takes)]
    checked = {plain(check.name.removeprefix("new-")) for part in parts for check in part.checks}
    assert {plain(name) for name in catalog.flavors[flavor].frameworks} <= checked
