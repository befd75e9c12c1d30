"""The inventory: every pinned version and every lock file of a checkout, and where each stands."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from codeopen.authoring.upstreams.locks import LOCK_FILES, LockKind, looks_like_lock
from codeopen.environment.children import run
from codeopen.errors import CatalogError, Place, UpstreamError
from codeopen.model.catalog.source import Document, KeyPath, parse, read_text

FILE: Final = "upstreams.yaml"
# Pins outside of the catalog and of lock files: an image by its digest, an npm package by its hash, the versions that a
# machine's set-up compiles or asks for, and a toolchain that a Dockerfile names.
_CODE_PINS: Final = (
    re.compile(r"(?P<name>[a-z0-9./-]+):(?P<version>[\w.-]+)@sha256:[0-9a-f]{64}"),
    re.compile(r'"(?P<name>(?:@[\w.-]+/)?[\w.-]+)@(?P<version>\d[\w.-]*)":\s*\(?\s*"sha512-'),
    re.compile(r'module="(?P<name>[\w-]+)",\n\s+version="(?P<version>v?\d[\w.-]+)"'),
    re.compile(r'^(?P<name>\w*VERSION)(?:: Final)? = "(?P<version>v?\d+\.\d+\.\d+)"', re.MULTILINE),
    re.compile(r"^ENV (?P<name>GOTOOLCHAIN)=go(?P<version>[\d.]+)$", re.MULTILINE),
)
_CODE: Final = re.compile(r"(codeopen|components|stacks|tools|dockerfiles)/.*(\.py|/Dockerfile)")


@dataclass(frozen=True, slots=True)
class Pin:
    """A version that is written down: what it is of, where, and what it must stay within (empty: anything)."""

    name: str
    kind: str
    version: str
    place: Place
    constraint: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A package that a lock file's folder asks for by name, with the version as it is written there."""

    package: str
    version: str
    place: Place


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file. ``hold`` says why it isn't renewed by itself; ``constraints`` are by package."""

    path: str
    kind: LockKind
    asked: tuple[Asked, ...]
    hold: str = ""
    arguments: tuple[str, ...] = ()
    constraints: Mapping[str, str] | None = None

    @property
    def folder(self) -> str:
        """The folder that holds it, relative to the checkout; . for the checkout itself."""
        return str(PurePosixPath(self.path).parent)


@dataclass(frozen=True, slots=True)
class Inventory:
    """All pins and lock files; ``document`` is the catalog's file of upstreams."""

    document: Document
    upstreams: Mapping[str, Mapping[str, Any]]
    pins: tuple[Pin, ...]
    locks: tuple[Lock, ...]

    def locks_of(self, upstream: str) -> tuple[Lock, ...]:
        """The lock files whose folder asks for an upstream's package by name."""
        entry = self.upstreams[upstream]
        return tuple(
            lock
            for lock in self.locks
            if lock.kind == entry["kind"] and any(asked.package == entry["reference"] for asked in lock.asked)
        )


def read_inventory(checkout: Path, catalog: Path, tracked: Sequence[str] | None = None) -> Inventory:
    """Everything that is pinned in a checkout's files; ``tracked`` are those, by default what git tracks.

    Raises CatalogError and UpstreamError.
    """
    text, refused = read_text(catalog / FILE)
    document, wrong = parse(str(catalog / FILE), text) if not refused else (None, refused)
    if document is None or wrong:
        raise CatalogError(tuple(wrong))
    tracked = tracked_files(checkout) if tracked is None else tracked
    told = document.value.get("locks", {})
    locks = tuple(_read_lock(checkout, path, told) for path in tracked if looks_like_lock(path))
    if unknown := sorted(set(told) - {lock.folder for lock in locks}):
        place = document.key_place(("locks", unknown[0]))
        raise UpstreamError(f"{place}: locks.{unknown[0]}: there is no lock file in this folder; remove the entry")
    upstreams = document.value["upstreams"]
    pins = (*_catalog_pins(document, upstreams), *_code_pins(checkout, tracked))
    return Inventory(document, upstreams, pins, locks)


def tracked_files(checkout: Path) -> list[str]:
    """What git tracks and what it doesn't ignore, relative to the checkout. Raises UpstreamError."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = run(words, cwd=checkout)
        done.check_returncode()
    except (OSError, subprocess.CalledProcessError) as error:
        raise UpstreamError(f"{checkout}: git can't list its files ({error}); run this in a git checkout") from error
    return sorted({path for path in done.stdout.split("\0") if path and (checkout / path).is_file()})


def digests_of(entry: Mapping[str, Any], path: KeyPath = ()) -> Iterator[tuple[KeyPath, str, str]]:
    """Each digest in an upstream's entry: its key path, the reference that it is of, and the digest."""
    for key, value in entry.items():
        if key == "digest":
            yield (*path, key), entry["reference"], value
        elif isinstance(value, dict) and key != "substitute":
            yield from digests_of({"reference": entry.get("reference", ""), **value}, (*path, key))


def _catalog_pins(document: Document, upstreams: Mapping[str, Mapping[str, Any]]) -> Iterator[Pin]:
    for name, entry in upstreams.items():
        place = document.place(("upstreams", name, "version"))
        yield Pin(name, entry["kind"], entry["version"], place, entry.get("constraint", ""))
        if "substitute" in entry:
            place = document.place(("upstreams", name, "substitute", "version"))
            yield Pin(f"{name} (substitute)", "substitute", entry["substitute"]["version"], place)


def _code_pins(checkout: Path, tracked: Sequence[str]) -> Iterator[Pin]:
    for path in tracked:
        if _CODE.fullmatch(path):
            text = (checkout / path).read_text(encoding="utf-8")
            for pattern in _CODE_PINS:
                for found in pattern.finditer(text):
                    yield Pin(found["name"], "code", found["version"], _place(path, text, found.start("version")))


def _read_lock(checkout: Path, path: str, told: Mapping[str, Mapping[str, Any]]) -> Lock:
    name = PurePosixPath(path).name
    if name not in LOCK_FILES:
        raise UpstreamError(f"{path}:1:1: nothing knows this kind of lock file; add it to LOCK_FILES")
    kind, asking = LOCK_FILES[name]
    beside = str(PurePosixPath(path).with_name(asking)) if asking else ""
    text = (checkout / beside).read_text(encoding="utf-8") if beside and (checkout / beside).is_file() else ""
    own = told.get(str(PurePosixPath(path).parent), {})
    return Lock(
        path,
        kind,
        tuple(read_asked(kind, beside, text)),
        own.get("hold", ""),
        tuple(own.get("arguments", ())),
        own.get("constraints", {}),
    )


# What asks for a package, with its name and its version as groups; npm's are looked up in its JSON.
_ASKS: Final[Mapping[LockKind, re.Pattern[str]]] = {
    LockKind.PYPI: re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", re.MULTILINE),
    LockKind.GO: re.compile(r"^(?:require |\t)(\S+) (v\S+)$", re.MULTILINE),
    LockKind.CARGO: re.compile(r'^([\w-]+) = (?:\{.*?version = )?"(=?\d[^"]*)"', re.MULTILINE),
}


def read_asked(kind: LockKind, path: str, text: str) -> Iterator[Asked]:
    """The packages that the file beside a lock file asks for by name, in its order."""
    if kind is LockKind.NPM:
        content = json.loads(text)
        for table in ("dependencies", "devDependencies", "optionalDependencies"):
            for name, version in content.get(table, {}).items():
                found = re.search(rf'"{re.escape(name)}":\s*"({re.escape(version)})"', text)
                yield Asked(name, version, _place(path, text, found.start(1) if found else 0))
    elif kind in _ASKS:
        start = text.find("[dependencies]") if kind is LockKind.CARGO else 0
        end = text.find("\nreplace") if kind is LockKind.GO else -1
        for asked in _ASKS[kind].finditer(text, max(start, 0), end if end >= 0 else len(text)):
            yield Asked(asked[1], asked[2], _place(path, text, asked.start(2)))
        # A module that is a tool stands among the indirect requirements.
        for tool in re.findall(r"^tool (\S+)$", text, re.MULTILINE) if kind is LockKind.GO else ():
            if found := re.search(rf"^\t{re.escape(tool)} (v\S+) // indirect$", text, re.MULTILINE):
                yield Asked(tool, found[1], _place(path, text, found.start(1)))


def _place(path: str, text: str, offset: int) -> Place:
    return Place(path, text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))
