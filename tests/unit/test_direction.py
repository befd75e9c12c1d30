"""Imports go one way, from room to room; what is computed from the catalog is pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
ROOMS = (  # each imports from those above it alone
    "provider.protocol",
    "provider.kubernetes",
    "codeopen.errors",
    "codeopen.model",
    "codeopen.environment",
    "codeopen.images",
    "codeopen.platform",
    "provider",
    "components",
    "stacks",
    "codeopen.authoring",
    "codeopen.delivery",
    "codeopen.service",
    "codeopen.cli",
)
CORRIDORS = {  # the same, inside of a room
    "codeopen.model": ("quantity", "catalog", "selection", "plan"),
    "codeopen.environment": ("mirror", "settings", "stack_contents"),
    "codeopen.images": ("registry", "locks", "compose", "ondemand"),
    "codeopen.platform": ("capacity", "cluster", "deploy", "projects"),
}
STRANGERS = {"codeopen.delivery", "codeopen.service"}  # take values of the rooms above, and nothing of each other
PURE = ("codeopen.model", "codeopen.platform.capacity", "codeopen.platform.cluster")
READING = {
    "codeopen.model.catalog.source",
    "codeopen.model.plan.context",
    "codeopen.platform.cluster.validation",
    "codeopen.platform.cluster.warm_up.images",
}
SHIPPED = {"codeopen.platform.cluster.warm_up.controller"}  # a program that runs in a pod, and is only text here
IMPURE = {
    *("aiohttp", "asyncio", "datetime", "docker", "getpass", "http", "httpx", "kubernetes", "locale", "platform"),
    *("pulumi", "pulumi_docker", "pulumi_docker_build", "pulumi_kubernetes", "random", "requests", "secrets", "socket"),
    *("ssl", "subprocess", "tempfile", "threading", "time", "urllib", "uuid"),
}
READS = {
    *("open", "read_bytes", "read_text", "iterdir", "glob", "rglob", "scandir", "listdir", "walk"),
    *("exists", "is_dir", "is_file", "is_symlink", "lexists", "lstat", "readlink", "stat"),
}
ENVIRONMENT = {"environ", "environb", "getenv", "getcwd", "umask", "uname"}


def violations(module: str, source: str) -> Iterator[str]:
    """What a module does that its place doesn't allow."""
    tree = ast.parse(source)
    for name in sorted(set(_imports(module, tree))):
        if reason := _forbidden(module, name):
            yield f"{module} imports {name}: {reason}"
    if not _is_one_of(module, PURE):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            if name in ENVIRONMENT:
                yield f"{module}:{node.lineno} uses {name}: what is computed doesn't depend on the machine"
        if isinstance(node, ast.Call) and _reads(node.func) and module not in READING:
            yield f"{module}:{node.lineno} reads files: only {sorted(READING)} do"


def _reads(function: ast.expr) -> bool:
    return (isinstance(function, ast.Attribute) and function.attr in READS) or (
        isinstance(function, ast.Name) and function.id == "open"
    )


def _is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _is_one_of(name: str, modules: tuple[str, ...]) -> bool:
    return any(_is_in(name, module) for module in modules)


def _place(module: str, places: tuple[str, ...]) -> int | None:
    return next((number for number, place in enumerate(places) if _is_in(module, place)), None)


def _imports(module: str, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".")[: -node.level] if node.level else []
            origin = ".".join([*package, *([node.module] if node.module else [])])
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def _forbidden(module: str, name: str) -> str:
    top = name.partition(".")[0]
    if top in {"tests", "bench", "tools"}:
        return "the product doesn't import what surrounds it"
    if _is_one_of(module, PURE):
        if top in IMPURE:
            return "it is pure"
        if top in {"os", "shutil"} and module not in READING:
            return f"only {sorted(READING)} touch the file system"
    return _against_the_stream(module, name)


def _against_the_stream(module: str, name: str) -> str:
    here, there = _place(module, ROOMS), _place(name, ROOMS)
    if here is None or there is None:
        return ""
    if there > here:
        return f"{ROOMS[there]} lies below {ROOMS[here]}"
    if there < here:
        return "the two never import each other" if {ROOMS[here], ROOMS[there]} <= STRANGERS else ""
    corridor = tuple(f"{ROOMS[here]}.{part}" for part in CORRIDORS.get(ROOMS[here], ()))
    here, there = _place(module, corridor), _place(name, corridor)
    if here is not None and there is not None and there > here:
        return f"{corridor[there]} lies below {corridor[here]}"
    return ""


def modules() -> dict[str, Path]:
    files = [
        path
        for folder in ("codeopen", "components", "provider", "stacks")
        for path in (CHECKOUT / folder).rglob("*.py")
    ]
    names = {path: path.relative_to(CHECKOUT).with_suffix("").as_posix().replace("/", ".") for path in files}
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


def test_imports_go_one_way_and_what_is_computed_is_pure() -> None:
    found = modules()
    corridors = {f"{room}.{part}" for room, parts in CORRIDORS.items() for part in parts}
    to_come = STRANGERS - set(found)
    assert (set(ROOMS) - to_come) | corridors | READING | SHIPPED | set(PURE) <= set(found), (
        "the rules name what is there"
    )
    assert [
        broken for name, path in found.items() if name not in SHIPPED for broken in violations(name, path.read_text())
    ] == []


def test_every_module_is_in_a_room() -> None:
    outside = {name for name in modules() if _place(name, ROOMS) is None}
    assert outside == {"codeopen"}, "a new folder needs a place in the direction of the data"


@pytest.mark.parametrize("number", range(1, len(ROOMS)))
def test_no_room_imports_from_the_one_below_it(number: int) -> None:
    above, below = ROOMS[number - 1], ROOMS[number]
    assert len(list(violations(f"{above}.some", f"from {below} import thing"))) >= 1
    assert len(list(violations(f"{above}.some", f"def f():\n    import {below}.thing"))) >= 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("codeopen.model.catalog.model", "from codeopen.model.selection import name"),
        ("codeopen.model.catalog.model", "from codeopen.model import plan"),
        ("codeopen.model.selection.name", "import codeopen.model.plan.parts"),
        ("codeopen.model.selection.name", "from ..plan import parts"),
        ("codeopen.model.plan.plan", "from codeopen.cli import main"),
        ("codeopen.model.plan.plan", "from codeopen.images.staging import stage_context"),
        ("codeopen.model.plan.plan", "from components import registry"),
        ("codeopen.model.plan.plan", "def f():\n    import pulumi"),
        ("codeopen.model.plan.plan", "from datetime import date"),
        ("codeopen.model.plan.plan", "import urllib.request"),
        ("codeopen.model.plan.plan", "import os"),
        ("codeopen.model.plan.context", "import os\nos.environ['HOME']"),
        ("codeopen.model.plan.context", "from os import getenv\ngetenv('HOME')"),
        ("codeopen.model.plan.plan", "open('x')"),
        ("codeopen.model.plan.plan", "from pathlib import Path\nPath('x').read_text()"),
        ("codeopen.model.catalog.read", "def f(p):\n    return list(p.iterdir())"),
        ("codeopen.model.catalog.read", "def f(p):\n    return p.is_dir()"),
        ("codeopen.errors", "from codeopen.model.catalog import model"),
        ("codeopen.environment.settings", "from codeopen.platform.cluster.objects import Object"),
        ("codeopen.images.registry.client", "from codeopen.images.compose import gate"),
        ("codeopen.images.locks.lock", "from codeopen.images.ondemand.events import Event"),
        ("codeopen.platform.cluster.workload.pod", "import kubernetes"),
        ("codeopen.platform.cluster.objects", "from codeopen.platform.deploy.stack import run"),
        ("codeopen.delivery.pipeline", "from codeopen.service.api import routes"),
        ("codeopen.service.api.routes", "from codeopen import delivery"),
        ("codeopen.delivery.bake", "from codeopen.cli.table import table"),
        ("codeopen.cli.main", "from tests.unit import catalogs"),
        ("stacks.program", "from tools.setup import machine"),
    ],
)
def test_each_rule_finds_what_breaks_it(module: str, source: str) -> None:
    assert len(list(violations(module, source))) >= 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "codeopen.model.plan.plan",
            "from codeopen.model.selection.name import Release\nfrom codeopen.errors import PlanError",
        ),
        ("codeopen.model.plan.context", "import os\nopen('x')"),
        ("codeopen.cli.main", "import os, time\nfrom codeopen.model.plan import plan\nopen('x')"),
        (
            "components.registry",
            "import pulumi\nfrom components.parts import Parts\nfrom codeopen.model.plan import plan",
        ),
        ("codeopen.model.catalog.read", "from codeopen.model.quantity import Cpu\nfrom codeopen import errors"),
        ("codeopen.environment.settings", "from codeopen.model.plan import plan\nimport time"),
        ("codeopen.service.api.routes", "from codeopen.images.ondemand import ensure"),
    ],
)
def test_what_is_allowed_passes(module: str, source: str) -> None:
    assert list(violations(module, source)) == []
