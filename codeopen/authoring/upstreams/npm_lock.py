"""Whether npm's lock file is complete: every package that another one names is there, with its hash.

npm leaves an optional package out of the lock file, without a word, when the registry doesn't serve it at that moment;
npm 11 then refuses the lock file, and the platform that the package is for can't be built.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

# Where images run: npm never fetches a package that is for none of these.
_OS: Final = "linux"
_CPUS: Final = frozenset({"x64", "arm64"})
_LIBC: Final = "glibc"
_INTEGRITY: Final = re.compile(r"sha512-[A-Za-z0-9+/]{86}==")
_EXACT: Final = re.compile(r"\d+\.\d+\.\d+(?:[-+].*)?")
_LOCKFILE_VERSION: Final = 3

Packages = Mapping[str, Mapping[str, Any]]


def check_npm(text: str, asked: str) -> Iterator[tuple[int, str, str]]:
    """Line, entry and fault of each. ``asked`` is the text of package.json."""
    lock = json.loads(text)
    packages: Packages = lock.get("packages", {})
    if lock.get("lockfileVersion") != _LOCKFILE_VERSION:
        yield 1, "lockfileVersion", f"is not {_LOCKFILE_VERSION}"
    wanted = json.loads(asked or "{}")
    for field in ("dependencies", "devDependencies", "optionalDependencies"):
        if wanted.get(field, {}) != packages.get("", {}).get(field, {}):
            yield _line(text, ""), field, "are others than those of package.json"
    for key, package in packages.items():
        for what in _of_entry(key, package):
            yield _line(text, key), key, what
        for what in _needs(packages, key, package):
            yield _line(text, key), key or "the project", what


def missing_optional(packages: Packages) -> Iterator[tuple[str, str, str]]:
    """Optional packages that the lock file doesn't hold: who names it, its name, and the version asked for."""
    for key, package in packages.items():
        for name, version in package.get("optionalDependencies", {}).items():
            if _resolve(packages, key, name) is None:
                yield key, name, version


def without_hash(packages: Packages) -> Iterator[str]:
    """The keys of entries that should state their hash, and don't."""
    for key, package in packages.items():
        if key and not package.get("link") and not package.get("inBundle") and "integrity" not in package:
            yield key


def is_installed(package: Mapping[str, Any]) -> bool:
    """Whether an image of any platform may hold the package: Linux with glibc, on amd64 or arm64."""
    return (
        _allows(package.get("os"), _OS)
        and any(_allows(package.get("cpu"), cpu) for cpu in _CPUS)
        and _allows(package.get("libc"), _LIBC)
    )


def _allows(listed: list[str] | None, value: str) -> bool:
    """The rule of npm for os, cpu and libc: a list of names, or of names that a ! refuses."""
    if not listed or listed == ["any"]:
        return True
    refused = {name[1:] for name in listed if name.startswith("!")}
    named = {name for name in listed if not name.startswith("!")}
    return value not in refused and (not named or value in named)


def _of_entry(key: str, package: Mapping[str, Any]) -> Iterator[str]:
    if not key or package.get("link") or package.get("inBundle"):
        return
    if "resolved" in package:
        yield f"names the registry it came from ({package['resolved']}); lock files name none"
    integrity = package.get("integrity")
    if integrity is None:
        if is_installed(package) or not package.get("optional"):
            yield "has no integrity hash, and images of a platform install it"
    elif not _INTEGRITY.fullmatch(integrity):
        yield f"its integrity {integrity!r} is no SHA-512"


def _needs(packages: Packages, key: str, package: Mapping[str, Any]) -> Iterator[str]:
    optional = package.get("optionalDependencies", {})
    for name, version in {**package.get("dependencies", {}), **optional}.items():
        found = _resolve(packages, key, name)
        if found is None:
            word = "optional " if name in optional else ""
            yield f"names the {word}package {name}@{version}, and the lock file doesn't hold it"
        elif _EXACT.fullmatch(version) and found["version"] != version:
            yield f"names {name}@{version}, and the lock file holds {found['version']}"


def _resolve(packages: Packages, key: str, name: str) -> Mapping[str, Any] | None:
    """What `require` finds for a package at ``key``: in its own folder, else in those around it."""
    folder = key
    while True:
        found = packages.get(f"{folder}/node_modules/{name}" if folder else f"node_modules/{name}")
        if found is not None or not folder:
            return found
        folder = folder.rpartition("node_modules/")[0].rstrip("/")


def _line(text: str, key: str) -> int:
    return text[: max(text.find(f'    "{key}": {{'), 0)].count("\n") + 1
