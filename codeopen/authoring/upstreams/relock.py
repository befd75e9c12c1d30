"""Makes a lock file anew with the package manager of its ecosystem, in a folder that may be changed.

``packages`` are those that move, each with its constraint; ``whole`` moves what they bring too. Afterwards the file
beside the lock file asks for the new versions exactly. Each raises UpstreamError with the package manager's own words.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from codeopen.authoring.upstreams.inventory import Lock
from codeopen.authoring.upstreams.locks import LockKind, check_lock
from codeopen.authoring.upstreams.npm_lock import missing_optional, without_hash
from codeopen.authoring.upstreams.sources import GO_ENVIRONMENT, newest_go, newest_npm, run_tool
from codeopen.authoring.upstreams.versions import upper_bound
from codeopen.errors import UpstreamError

# The order and the words that `make lock` and the parts' READMEs name.
_UV: Final = (
    *("uv", "pip", "compile", "-q", "--universal", "--generate-hashes"),
    *("--no-annotate", "--no-header", "--no-emit-find-links"),
)
_PYTHON: Final = ("--python-version", "3.12", "requirements.in")
_NPM: Final = (
    *("npm", "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"),
    "--omit-lockfile-registry-resolved",
)
# Starters say in rust-version which Rust compiles them.
_CARGO: Final = {"CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS": "fallback"}


@dataclass(frozen=True, slots=True)
class _Task:
    root: Path
    lock: Lock
    packages: Mapping[str, str]
    whole: bool

    @property
    def folder(self) -> Path:
        return self.root / self.lock.folder

    def current(self, package: str) -> str:
        return next(asked.version for asked in self.lock.asked if asked.package == package)


def relock(root: Path, lock: Lock, packages: Mapping[str, str], *, whole: bool) -> None:
    """Make the lock file anew. Raises UpstreamError, also where what was made is not complete."""
    if lock.hold:
        raise UpstreamError(lock.hold)
    task = _Task(root, lock, packages, whole)
    _MAKERS[lock.kind](task)
    # The project's own lock file is of pyproject.toml, which has no exact versions.
    beside = next((root / asked.place.file for asked in lock.asked), None)
    content = (root / lock.path).read_text(encoding="utf-8")
    problems = check_lock(lock.path, content, beside.read_text(encoding="utf-8") if beside else "")
    if problems:
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise UpstreamError(
            f"the registry at hand doesn't serve all of it: {problems[0].key_path} {problems[0].what}{more}"
        )


def _npm(task: _Task) -> None:
    file, lock_file = task.folder / "package.json", task.root / task.lock.path
    asked = text = file.read_text(encoding="utf-8")
    for package, constraint in task.packages.items():
        current = task.current(package)
        new = newest_npm(package, constraint, current, task.folder)
        text = text.replace(f'"{package}": "{current}"', f'"{package}": "{new}"')
    if text == asked and task.packages and not task.whole:
        return
    file.write_text(text, encoding="utf-8")
    before = json.loads(lock_file.read_text(encoding="utf-8"))
    if task.whole:
        lock_file.unlink()
    else:  # npm asks again for what it doesn't find: a registry may serve now what it didn't before
        hashless = set(without_hash(before["packages"]))
        kept = {key: package for key, package in before["packages"].items() if key not in hashless}
        _write_npm(lock_file, {**before, "packages": kept})
    run_tool(list(_NPM), task.folder)
    made = json.loads(lock_file.read_text(encoding="utf-8"))
    if any(missing_optional(made["packages"])):
        _write_npm(lock_file, {**made, "packages": _completed(made["packages"], before["packages"])})


def _completed(made: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """With the optional packages of before that the registry doesn't serve, where their version is still asked for."""
    kept = {}
    for _, name, version in missing_optional(made):
        entry = before.get(f"node_modules/{name}")
        if entry and entry["version"] == version:
            kept[f"node_modules/{name}"] = entry
    project = {"": made[""]} if "" in made else {}
    return {**project, **{key: value for key, value in sorted({**made, **kept}.items(), key=_npm_order) if key}}


# npm sorts keys as people do, by the root collation of Unicode: these marks before digits before letters.
_COLLATED: Final = str.maketrans({mark: chr(place) for place, mark in enumerate("_-.@/", 1)})


def _npm_order(pair: tuple[str, Any]) -> tuple[str, str]:
    return pair[0].lower().translate(_COLLATED), pair[0].swapcase()


def _write_npm(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _pypi(task: _Task) -> None:
    file = task.folder / "requirements.in"
    exact = file.read_text(encoding="utf-8") if file.is_file() else ""
    lines = exact.splitlines(keepends=True)
    loose = "".join(_loosened(line, task.packages) for line in lines)
    upgrades = ["--upgrade"] if task.whole else [f"--upgrade-package={package}" for package in task.packages]
    words = [*_UV, *(task.lock.arguments or _PYTHON), *upgrades, "-o", "requirements.lock"]
    if exact:
        file.write_text(loose, encoding="utf-8")
    run_tool(words, task.folder)
    if exact:
        locked = (task.root / task.lock.path).read_text(encoding="utf-8")
        file.write_text("".join(_tightened(line, task.packages, locked) for line in lines), encoding="utf-8")


_PINNED: Final = re.compile(r"([A-Za-z0-9._-]+)((?:\[[^]]*\])?)==([^\s;]+)(.*)", re.DOTALL)


def _loosened(line: str, packages: Mapping[str, str]) -> str:
    found = _PINNED.match(line)
    if found is None or found[1] not in packages:
        return line
    bound = upper_bound(packages[found[1]])
    return f"{found[1]}{found[2]}>={found[3]}{f',<{bound}' if bound else ''}{found[4]}"


def _tightened(line: str, packages: Mapping[str, str], locked: str) -> str:
    found = _PINNED.match(line)
    if found is None or found[1] not in packages:
        return line
    name = re.sub(r"[-_.]+", "[-_.]", found[1])
    new = re.search(rf"(?mi)^{name}(?:\[[^]]*\])?==([^\s;]+)", locked)
    return f"{found[1]}{found[2]}=={new[1] if new else found[3]}{found[4]}"


def _go(task: _Task) -> None:
    go = (task.lock.constraints or {}).get("go", "")
    moved = task.whole or not task.packages
    for module, constraint in task.packages.items():
        current = task.current(module)
        new = newest_go(module, constraint, current, task.folder, go)
        moved = moved or new != current
        if new != current:
            run_tool(["go", "get", f"{module}@{new}"], task.folder, GO_ENVIRONMENT)
            _follow_in_setup(task.root, task.folder.name, current, new)
    if moved:
        run_tool(["go", "mod", "tidy"], task.folder, GO_ENVIRONMENT)


def _follow_in_setup(root: Path, module: str, old: str, new: str) -> None:
    """Set-up stamps the version into what it compiles of tools/go."""
    for file in (root / "tools" / "setup").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        file.write_text(
            text.replace(f'module="{module}",\n    version="{old}"', f'module="{module}",\n    version="{new}"')
        )


def _cargo(task: _Task) -> None:
    file = task.folder / "Cargo.toml"
    text = file.read_text(encoding="utf-8")
    loose = text
    for package in task.packages:
        loose = loose.replace(f'{package} = "=', f'{package} = ">=')
    file.write_text(loose, encoding="utf-8")
    chosen = [] if task.whole else [word for package in task.packages for word in ("-p", package)]
    run_tool(["cargo", "update", *chosen], task.folder, _CARGO)
    locked = tomllib.loads((task.root / task.lock.path).read_text(encoding="utf-8"))["package"]
    for package in task.packages:
        new = next(entry["version"] for entry in locked if entry["name"] == package)
        current = task.current(package)
        mark = "=" if current.startswith("=") else ""
        text = re.sub(rf'(?m)^({re.escape(package)} = .*?"){re.escape(current)}"', rf'\g<1>{mark}{new}"', text)
    file.write_text(text, encoding="utf-8")


def _maven(task: _Task) -> None:
    raise UpstreamError(f"{task.lock.path} is made from an image's stage; the part's README says how")


_MAKERS: Final[Mapping[LockKind, Callable[[_Task], None]]] = {
    LockKind.NPM: _npm,
    LockKind.PYPI: _pypi,
    LockKind.GO: _go,
    LockKind.CARGO: _cargo,
    LockKind.MAVEN: _maven,
}
