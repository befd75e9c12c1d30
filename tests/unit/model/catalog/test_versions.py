"""The catalog's versions are those that lock files install, and checks ask for them."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from codeopen.model.catalog.model import CommandCheck, Upstream, UpstreamKind
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.parts import list_parts
from tests.tracked import tracked
from tests.unit.model.catalog.copies import REAL, ROOT

CATALOG = read_catalog(REAL)
PARTS = list_parts(CATALOG)
# What they print has no version of the upstream: jupyter lists its components, sqlite_web has no such option.
WITHOUT_VERSION = {"jupyter", "sqlite-web"}


def npm(folder: Path, name: str) -> set[str]:
    """What `npm ci` puts on the first level, by an exact version that the folder's own package.json asks for."""
    locks = [json.loads(file.read_text())["packages"] for file in tracked(folder, "package-lock.json")]
    return {lock[f"node_modules/{name}"]["version"] for lock in locks if name in lock[""].get("dependencies", {})}


def pypi(folder: Path, name: str) -> set[str]:
    pins = re.compile(rf"(?mi)^{re.escape(name)}(?:\[[^]]*\])?==([^ ;]+)")
    return {pin for file in tracked(folder, "requirements.lock") for pin in pins.findall(file.read_text())}


def go(folder: Path, name: str) -> set[str]:
    pins = re.compile(rf"(?m)^(?:require )?\s*{re.escape(name)} v(\S+)(?: // indirect)?$")
    return {pin for file in tracked(folder, "go.mod") for pin in pins.findall(file.read_text())}


def cargo(folder: Path, name: str) -> set[str]:
    locks = [tomllib.loads(file.read_text())["package"] for file in tracked(folder, "Cargo.lock")]
    return {package["version"] for lock in locks for package in lock if package["name"] == name}


READERS: dict[UpstreamKind, Callable[[Path, str], set[str]]] = {
    UpstreamKind.NPM: npm,
    UpstreamKind.PYPI: pypi,
    UpstreamKind.GO: go,
    UpstreamKind.CARGO: cargo,
}
LOCKED = [upstream for upstream in CATALOG.upstreams.values() if upstream.kind in READERS]
NAMED_LIKE_CHECKS = sorted(
    {
        (check.name, check.output)
        for part in PARTS
        for check in part.checks
        if isinstance(check, CommandCheck) and check.name in CATALOG.upstreams
    }
)


def folders(upstream: Upstream) -> Iterable[Path]:
    """Those of the parts that name it, and of the parts that these take from."""
    by_id = {part.id: part for part in PARTS}
    for part in PARTS:
        if upstream.id in part.upstreams:
            yield from (ROOT / each.directory for each in (part, *(by_id[taken] for taken in part.takes)))


@pytest.mark.parametrize("upstream", LOCKED, ids=lambda upstream: upstream.id)
def test_lock_files_install_the_catalog_s_version(upstream: Upstream) -> None:
    read = READERS[upstream.kind]
    found = set().union(*(read(folder, upstream.reference) for folder in folders(upstream)))
    assert found == {upstream.version}


@pytest.mark.parametrize(("name", "output"), NAMED_LIKE_CHECKS)
def test_a_check_asks_for_the_upstream_s_version(name: str, output: str) -> None:
    """For its first number at least; for the first two where that is 0, which says nothing."""
    if name in WITHOUT_VERSION:
        return
    asked = re.search(r"\d+(?:\\\.\d+)*", output)
    assert asked is not None, "no version"
    numbers = asked[0].split(r"\.")
    version = CATALOG.upstreams[name].version.removeprefix("v").split(".")
    assert numbers == version[: len(numbers)]
    assert numbers != ["0"]


def test_what_checks_give_to_an_interpreter_is_one_program() -> None:
    """A comma outside of quotes makes two arguments of it, of which the interpreter takes the first."""
    commands = [check.command for part in PARTS for check in part.checks if isinstance(check, CommandCheck)]
    programs = [words for words in commands if words[0] in {"bash", "python", "python3", "sh"} and words[1][-1] == "c"]
    assert {words[0] for words in programs} >= {"python", "sh"}
    for words in programs:
        assert len(words) == 3, words
        if words[0].startswith("python"):
            ast.parse(words[2])
