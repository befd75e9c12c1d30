"""Imports go one way: catalog, selection, plan, capacity, cluster, then everything else; these five are pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
FOUNDATION = {"codeopen.errors", "codeopen.model.quantity"}
LAYERS = (
    "codeopen.model.catalog",
    "codeopen.model.selection",
    "codeopen.model.plan",
    "codeopen.platform.capacity",
    "codeopen.platform.cluster",
)
READING = {
    "codeopen.model.catalog.source",
    "codeopen.model.plan.context",
    "codeopen.platform.cluster.validation",
    "codeopen.platform.cluster.warm_up.images",
}
SHIPPED = {"codeopen.platform.cluster.warm_up.controller"}  # a program that runs in a pod, and is only text here
SIDES = ("components", "codeopen.pipeline", "codeopen.images.compose", "codeopen.api")
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
    imported = set(_imports(module, tree))
    for name in sorted(imported):
        if reason := _forbidden(module, name):
            yield f"{module} imports {name}: {reason}"
    if _layer(module) is None:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            if name in ENVIRONMENT:
                yield f"{module}:{node.lineno} uses {name}: the core doesn't depend on the machine"
        if isinstance(node, ast.Call) and _reads(node.func) and module not in READING:
            yield f"{module}:{node.lineno} reads files: only {sorted(READING)} do"


def _reads(function: ast.expr) -> bool:
    return (isinstance(function, ast.Attribute) and function.attr in READS) or (
        isinstance(function, ast.Name) and function.id == "open"
    )


def _layer(module: str) -> int | None:
    return next((place for place, layer in enumerate(LAYERS) if _is_in(module, layer)), None)


def _is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


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
    ours = top in {"codeopen", "components", "stacks", "tests"}
    if module in FOUNDATION and ours and not _is_one_of(name, FOUNDATION):
        return "the foundation stands on nothing else"
    if top == "tests":
        return "the product doesn't import its tests"
    sides = {side for side in SIDES if _is_in(module, side)}
    if sides and any(_is_in(name, side) for side in set(SIDES) - sides):
        return "the consumers of the plan never import each other"
    return _forbidden_in_core(module, name, top) if _layer(module) is not None else ""


def _forbidden_in_core(module: str, name: str, top: str) -> str:
    layer, other = _layer(module), _layer(name)
    if top in IMPURE:
        return "the core is pure"
    if top in {"os", "shutil"} and module not in READING:
        return f"only {sorted(READING)} touch the file system"
    if other is not None and layer is not None and other > layer:
        return "imports go from catalog to selection to plan to the cluster's manifests, never back"
    outside = top in {"components", "stacks"} or (_is_in(name, "codeopen") and name != "codeopen")
    if outside and other is None and not _is_one_of(name, FOUNDATION):
        return "the core imports nothing that is built on it"
    return ""


def _is_one_of(name: str, modules: set[str]) -> bool:
    return any(_is_in(name, module) for module in modules)


def modules() -> dict[str, Path]:
    files = [path for folder in ("codeopen", "components", "stacks") for path in (CHECKOUT / folder).rglob("*.py")]
    names = {path: path.relative_to(CHECKOUT).with_suffix("").as_posix().replace("/", ".") for path in files}
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


def test_imports_go_one_way_and_the_core_is_pure() -> None:
    found = modules()
    assert set(LAYERS) | READING | FOUNDATION <= set(found), "the rules name modules that are there"
    assert [
        broken for name, path in found.items() if name not in SHIPPED for broken in violations(name, path.read_text())
    ] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("codeopen.model.catalog.model", "from codeopen.model.selection import name"),
        ("codeopen.model.catalog.model", "from codeopen import plan"),
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
        ("components.registry", "from codeopen.images.compose import gate"),
        ("codeopen.images.compose.gate", "import codeopen.api.routes"),
        ("codeopen.api.routes", "from codeopen import pipeline"),
        ("codeopen.pipeline.bake", "from components.registry import Registry"),
        ("codeopen.platform.cluster.workload.pod", "from codeopen.environment.settings import Settings"),
        ("codeopen.platform.cluster.workload.pod", "import kubernetes"),
        ("codeopen.model.plan.plan", "from codeopen.platform.cluster.objects import Object"),
        ("codeopen.cli.main", "from tests.unit import catalogs"),
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
    ],
)
def test_what_is_allowed_passes(module: str, source: str) -> None:
    assert list(violations(module, source)) == []
