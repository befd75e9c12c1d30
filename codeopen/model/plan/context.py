"""Reads build contexts: the one module of the plan that opens files.

What it returns depends on the bytes, the names, the links and the owner's execute bits of the files that are in the
context, and on nothing else: not on its path, the order of the directory, umask, locale, owners or times.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from codeopen.errors import ContextError
from codeopen.model.plan.ignore import IgnoreRules, parse_ignore
from codeopen.model.plan.parts import Part, PartId

DOCKERFILE: Final = "Dockerfile"
_IGNORE_FILE: Final = ".dockerignore"
_SPECIFIC_IGNORE_FILE: Final = "Dockerfile.dockerignore"
# Documentation is read by people, never by a build: editing it must not rebuild anything.
_NEVER_IN_CONTEXT: Final = frozenset({"README.md", _IGNORE_FILE})
_OWNER_MAY_EXECUTE: Final = 0o100


@dataclass(frozen=True, slots=True, order=True)
class ContextFile:
    """A file of a build context, or a symbolic link in it.

    ``path`` is relative to the context, with ``/``; ``digest`` is ``sha256:`` of the content (of the target's text for
    a link), ``size`` the length of the same in bytes.
    """

    path: str
    digest: str
    size: int
    executable: bool
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """A build context: the Dockerfile, and all other files ordered by path."""

    dockerfile: ContextFile
    files: tuple[ContextFile, ...]


def read_contexts(checkout: Path, parts: Iterable[Part]) -> Mapping[PartId, Context]:
    """The contexts of all parts that have a Dockerfile. Raises ContextError."""
    return MappingProxyType(
        {
            part.id: read_context(checkout / part.directory)
            for part in parts
            if os.path.lexists(checkout / part.directory / DOCKERFILE)
        }
    )


def read_context(directory: Path) -> Context:
    """Read a build context. Raises ContextError, naming the file, when it can't be read or used."""
    try:
        rules = _read_rules(directory)
        dockerfile = _read_dockerfile(directory)
        root = os.fsencode(directory)
        files = sorted(
            _read_entry(entry, path, os.path.realpath(root))
            for entry, path in _walk(root, rules)
            if path not in _NEVER_IN_CONTEXT and path != DOCKERFILE
        )
    except OSError as error:
        place = os.fsdecode(error.filename) if error.filename is not None else str(directory)
        raise ContextError(f"{place}: can't be read ({error.strerror}); make it a readable file") from error
    return Context(dockerfile, tuple(files))


def _read_rules(directory: Path) -> IgnoreRules:
    if os.path.lexists(directory / _SPECIFIC_IGNORE_FILE):
        raise ContextError(f"{directory / _SPECIFIC_IGNORE_FILE}: is not supported here; rename it to {_IGNORE_FILE}")
    file = directory / _IGNORE_FILE
    if not os.path.lexists(file):
        return IgnoreRules(())
    try:
        return parse_ignore(file.read_bytes().decode(), str(file))
    except UnicodeDecodeError as error:
        raise ContextError(f"{file}: is not UTF-8 text; save it as UTF-8") from error


def _read_dockerfile(directory: Path) -> ContextFile:
    file = directory / DOCKERFILE
    if not file.is_file() or file.is_symlink():
        raise ContextError(f"{file}: is not a regular file; every part needs a {DOCKERFILE} of its own")
    digest, size = _digest_file(os.fsencode(file))
    # A Dockerfile is read, never run: its execute bit means nothing.
    return ContextFile(DOCKERFILE, digest, size, executable=False)


def _walk(root: bytes, rules: IgnoreRules) -> Iterator[tuple[os.DirEntry[bytes], str]]:
    """All entries of the context that are not folders, in no order, with their paths."""
    # Names are read as bytes, so that they mean the same under every locale.
    folders = [(root, "")]
    while folders:
        folder, prefix = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                path = prefix + _decode(entry.name, entry.path, "name")
                if entry.is_dir(follow_symlinks=False):
                    if not rules.excludes_all_of(path):
                        folders.append((entry.path, f"{path}/"))
                elif not rules.excludes(path):
                    yield entry, path


def _read_entry(entry: os.DirEntry[bytes], path: str, root: bytes) -> ContextFile:
    if entry.is_symlink():
        target = _decode(os.readlink(entry.path), entry.path, "link's target")  # noqa: PTH115  a path of bytes, see _walk
        _check_link(entry, path, target, root)
        content = target.encode()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        return ContextFile(path, digest, len(content), executable=False, link=target)
    if not entry.is_file(follow_symlinks=False):
        raise ContextError(
            f"{os.fsdecode(entry.path)}: is neither a file, a folder nor a link; remove it or name it in {_IGNORE_FILE}"
        )
    digest, size = _digest_file(entry.path)
    executable = bool(entry.stat(follow_symlinks=False).st_mode & _OWNER_MAY_EXECUTE)
    return ContextFile(path, digest, size, executable)


def _check_link(entry: os.DirEntry[bytes], path: str, target: str, root: bytes) -> None:
    lexical = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    real = os.path.realpath(entry.path)
    # Both are asked: by its text a link must not leave the context, nor through other links on its way.
    leaves = target.startswith("/") or lexical.split("/")[0] == ".." or os.path.commonpath((root, real)) != root
    if leaves:
        raise ContextError(
            f"{os.fsdecode(entry.path)}: links to {target!r}, outside of the build context; copy the file into it"
        )


def _digest_file(path: bytes) -> tuple[str, int]:
    with open(path, "rb") as file:  # noqa: PTH123  a path of bytes, see _walk
        digest = hashlib.file_digest(file, "sha256")
        return f"sha256:{digest.hexdigest()}", file.tell()


def _decode(text: bytes, path: bytes, what: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise ContextError(f"{os.fsdecode(path)!r}: its {what} is not UTF-8; rename it") from error
