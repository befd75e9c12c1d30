"""The kinds of lock files, and whether one is complete: pure functions of its text.

What a lock file can't show by itself isn't checked: PyPI's hashes don't say which file they are of, so that wheels for
each platform are there follows from how the lock is made (`uv pip compile --universal --generate-hashes` writes the
hash of every file of a release), and only that the hashes are there is checked.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

from codeopen.authoring.upstreams.npm_lock import check_npm
from codeopen.errors import Place, Problem

_REMEDY: Final = "make it anew with `codeopen upstream update {}`"
_SHA256: Final = re.compile(r"sha256:[0-9a-f]{64}")
_REQUIREMENT: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^]]+\])?==[^ ;\\]+")
_CHECKSUM_LINE: Final = re.compile(r"^[0-9a-f]{64} [ *]\./(\S+)$")
_GO_HASH: Final = re.compile(r"h1:[A-Za-z0-9+/]{43}=$")


class LockKind(StrEnum):
    """The ecosystems that a lock file can be of."""

    NPM = "npm"
    PYPI = "pypi"
    GO = "go"
    CARGO = "cargo"
    MAVEN = "maven"


# A lock file's name, and the file beside it that says what is asked for.
LOCK_FILES: Final[Mapping[str, tuple[LockKind, str]]] = {
    "package-lock.json": (LockKind.NPM, "package.json"),
    "requirements.lock": (LockKind.PYPI, "requirements.in"),
    "go.sum": (LockKind.GO, "go.mod"),
    "Cargo.lock": (LockKind.CARGO, "Cargo.toml"),
    "repository.lock": (LockKind.MAVEN, ""),
}
# Names of lock files and checksum lists of any kind, so that one of a new kind can't go unseen.
_LIKE_A_LOCK: Final = re.compile(
    r"(?i)(.+\.(lock|lockb|lockfile|sum|sums|sha\d+|sha\d+sums?)|.*-lock\.(json|ya?ml)|(sha\d+|check)sums?.*"
    r"|npm-shrinkwrap\.json|Pipfile\.lock|Package\.resolved)"
)


def lock_kind(path: str) -> LockKind | None:
    """The kind of lock file that a path names; None where it names none that is known."""
    known = LOCK_FILES.get(PurePosixPath(path).name)
    return known[0] if known else None


def looks_like_lock(path: str) -> bool:
    """Whether a path has the name of a lock file or of a list of checksums, of a known kind or not."""
    return _LIKE_A_LOCK.fullmatch(PurePosixPath(path).name) is not None


def check_lock(path: str, text: str, asked: str) -> tuple[Problem, ...]:
    """What a lock file lacks. ``asked`` is the text of the file beside it, as go.mod; empty where there is none."""
    kind = lock_kind(path)
    if kind is None:
        return (Problem(Place(path, 1, 1), "", "nothing knows this kind of lock file", "add its check to LOCK_FILES"),)
    remedy = _REMEDY.format(PurePosixPath(path).parent)
    return tuple(Problem(Place(path, line, 1), key, what, remedy) for line, key, what in _CHECKS[kind](text, asked))


Found = Iterator[tuple[int, str, str]]  # the line, counted from 1; the entry; what is wrong with it


def _check_pypi(text: str, asked: str) -> Found:
    logical: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith((" ", "\t")) and logical:
            logical[-1] = (logical[-1][0], logical[-1][1] + line)
        elif line and not line.startswith("#"):
            logical.append((number, line))
    for number, requirement in logical:
        name = re.split(r"[ ;\\]", requirement, maxsplit=1)[0]
        if not _REQUIREMENT.match(requirement):
            yield number, name, "is not pinned to one version with =="
        hashes = re.findall(r"--hash=(\S+)", requirement)
        if not hashes:
            yield number, name, "has no hash"
        yield from ((number, name, f"{each} is no SHA-256") for each in hashes if not _SHA256.fullmatch(each))
    locked = {_pypi_name(requirement) for _, requirement in logical}
    for line in asked.splitlines():
        if line and not line.startswith(("#", "-")) and _pypi_name(line) not in locked:
            yield 1, _pypi_name(line), "is asked for, and the lock file doesn't hold it"


def _pypi_name(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", name[0]).lower() if name else requirement


def _check_go(text: str, asked: str) -> Found:
    sums: set[tuple[str, str]] = set()
    for number, line in enumerate(text.splitlines(), 1):
        module, version, digest = (*line.split(), "", "", "")[:3]
        if not _GO_HASH.match(digest):
            yield number, f"{module}@{version}", "has no h1 hash"
        sums.add((module, version))
    for module, version in go_modules(asked):
        for suffix, what in (("", "module"), ("/go.mod", "go.mod")):
            if (module, version + suffix) not in sums:
                yield 1, f"{module}@{version}", f"is in go.mod, and go.sum lacks the h1 of its {what}"


def go_modules(text: str) -> Iterator[tuple[str, str]]:
    """The modules that a go.mod asks for with their versions: what replaces one in its place, none of local folders."""
    required: dict[str, str] = {}
    replaced: dict[str, tuple[str, str] | None] = {}
    block = ""
    for raw in text.splitlines():
        line = raw.partition("//")[0].strip()
        if block and line == ")":
            block = ""
        elif opened := re.fullmatch(r"(\w+) \(", line):
            block = opened[1]
        else:
            verb, words = (block, line.split()) if block else (line.partition(" ")[0], line.split()[1:])
            if verb == "require" and len(words) == 2:  # noqa: PLR2004  # a module and its version
                required[words[0]] = words[1]
            elif verb == "replace":
                new = words[words.index("=>") + 1 :]
                replaced[words[0]] = (new[0], new[1]) if len(new) > 1 else None
    for module, version in required.items():
        if (taken := replaced.get(module, (module, version))) is not None:
            yield taken


def _check_cargo(text: str, asked: str) -> Found:
    packages = tomllib.loads(text)["package"]
    names = {package["name"] for package in packages}
    for package in packages:
        named = f"{package['name']}@{package['version']}"
        line = _line_of(text, f'name = "{package["name"]}"\nversion = "{package["version"]}"')
        checksum = package.get("checksum", "")
        if "source" in package and not re.fullmatch(r"[0-9a-f]{64}", checksum):
            yield line, named, "has no checksum"
        for dependency in package.get("dependencies", ()):
            if dependency.split()[0] not in names:
                yield line, named, f"needs {dependency}, and the lock file doesn't hold it"
    for table in ("dependencies", "dev-dependencies", "build-dependencies"):
        for name, wanted in tomllib.loads(asked or "").get(table, {}).items():
            package_name = wanted.get("package", name) if isinstance(wanted, dict) else name
            if package_name not in names:
                yield 1, package_name, "is asked for, and the lock file doesn't hold it"


def _check_maven(text: str, _asked: str) -> Found:
    files: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        listed = _CHECKSUM_LINE.match(line)
        if listed is None:
            yield number, line[:80], "is not a SHA-256, two spaces and a path from ./"
        elif listed[1] in files:
            yield number, listed[1], f"is listed twice, before in line {files[listed[1]]}"
        else:
            files[listed[1]] = number
    for file, number in files.items():
        folder = PurePosixPath(file).parent
        if not PurePosixPath(file).name.startswith(f"{folder.parent.name}-{folder.name}"):
            yield number, file, "does not lie as group/name/version/name-version"


def _line_of(text: str, part: str) -> int:
    return text[: max(text.find(part), 0)].count("\n") + 1


_CHECKS: Final[Mapping[LockKind, Callable[[str, str], Found]]] = {
    LockKind.NPM: check_npm,
    LockKind.PYPI: _check_pypi,
    LockKind.GO: _check_go,
    LockKind.CARGO: _check_cargo,
    LockKind.MAVEN: _check_maven,
}
