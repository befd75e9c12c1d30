"""What a layer holds: its entries by path, read from the layer's tar, and the file tree that layers make together.

Source: OCI Image Format Specification 1.1, "Image Layer Filesystem Changeset".
"""

from __future__ import annotations

import hashlib
import posixpath
import tarfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import IO, Final

from codeopen.errors import ComposeError

WHITEOUT_PREFIX: Final = ".wh."
OPAQUE_WHITEOUT: Final = ".wh..wh..opq"
_XATTR_PREFIX: Final = "SCHILY.xattr."
_CHUNK: Final = 1 << 20


class EntryKind(StrEnum):
    """The types of a changeset's entries."""

    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symlink"
    DEVICE = "device"
    FIFO = "fifo"


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One path of a layer. Times are not part of it: they say when a part was built, not what it is.

    ``path`` is relative to the root, without a trailing slash. ``content`` is the ``sha256:`` digest of a file, the
    target of a symbolic link or a device's number; a hard link has the digest of the file that it links to. ``size``
    is in bytes.
    """

    path: str
    kind: EntryKind
    mode: int
    uid: int
    gid: int
    size: int
    content: str
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Deletion:
    """What a layer takes from those below it: a path with all in it, or only what is in a folder (``""`` is the root).

    A layer may have an entry of the same path: that is what comes in the place of what is gone.
    """

    path: str
    inside_only: bool


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer holds: entries in its order, deletions, and the contents of the files that were asked for."""

    entries: tuple[Entry, ...]
    deletions: frozenset[Deletion]
    kept: Mapping[str, bytes]


def read_layer(layer: IO[bytes], keep: Callable[[str], bool]) -> Layer:
    """What an uncompressed layer holds, with the contents of the files that ``keep`` asks for.

    Raises ComposeError for a tar that is none, holds a path twice, or has paths that lead out of the root.
    """
    entries: dict[str, Entry] = {}
    deletions: set[Deletion] = set()
    kept: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=layer, mode="r|") as archive:
            for member in archive:
                path = _clean(member.name)
                if not path:
                    continue  # the root itself
                if deletion := _deletion(path):
                    deletions.add(deletion)
                    continue
                entry, data = _read_member(archive, member, path, entries, keep)
                if path in entries and entry.kind is not EntryKind.FOLDER:
                    raise ComposeError(f"layer: {path!r} is in it twice; build the part again")
                entries[path] = entry
                if data is not None:
                    kept[path] = data
    except (tarfile.TarError, EOFError, UnicodeError) as error:
        raise ComposeError(f"layer: it is no readable tar ({error}); build the part again") from error
    return Layer(tuple(entries.values()), frozenset(deletions), MappingProxyType(kept))


def _deletion(path: str) -> Deletion | None:
    folder, _, name = path.rpartition("/")
    if name == OPAQUE_WHITEOUT:
        return Deletion(folder, inside_only=True)
    if name.startswith(WHITEOUT_PREFIX):
        return Deletion(posixpath.join(folder, name.removeprefix(WHITEOUT_PREFIX)), inside_only=False)
    return None


def _read_member(
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    path: str,
    known: Mapping[str, Entry],
    keep: Callable[[str], bool],
) -> tuple[Entry, bytes | None]:
    kind, size, content, data = _content(archive, member, path, known, keep)
    attributes = tuple(
        sorted(
            (key.removeprefix(_XATTR_PREFIX), value)
            for key, value in member.pax_headers.items()
            if key.startswith(_XATTR_PREFIX)
        )
    )
    mode = 0o777 if kind is EntryKind.SYMLINK else member.mode & 0o7777
    return Entry(path, kind, mode, member.uid, member.gid, size, content, attributes), data


def _content(
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    path: str,
    known: Mapping[str, Entry],
    keep: Callable[[str], bool],
) -> tuple[EntryKind, int, str, bytes | None]:
    if member.isdir():
        return EntryKind.FOLDER, 0, "", None
    if member.issym():
        return EntryKind.SYMLINK, 0, member.linkname, None
    if member.islnk():
        target = known.get(_clean(member.linkname))
        if target is None:
            raise ComposeError(
                f"layer: {path!r} links to {member.linkname!r}, which is not in it; build the part again"
            )
        return target.kind, target.size, target.content, None
    if member.isfifo():
        return EntryKind.FIFO, 0, "", None
    if member.ischr() or member.isblk():
        return EntryKind.DEVICE, 0, f"{member.devmajor}:{member.devminor}", None
    return _file(archive, member, wanted=keep(path))


def _file(
    archive: tarfile.TarFile, member: tarfile.TarInfo, *, wanted: bool
) -> tuple[EntryKind, int, str, bytes | None]:
    stream = archive.extractfile(member)
    if stream is None:
        raise ComposeError(f"layer: {member.name!r} is of an unknown type; build the part again")
    digest = hashlib.sha256()
    chunks: list[bytes] = []
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        if wanted:
            chunks.append(chunk)
    return EntryKind.FILE, member.size, f"sha256:{digest.hexdigest()}", b"".join(chunks) if wanted else None


def _clean(name: str) -> str:
    """A path without ``./``, leading and trailing slashes. Raises ComposeError where it leads out of the root."""
    words = [word for word in name.split("/") if word not in {"", "."}]
    if ".." in words:
        raise ComposeError(f"layer: {name!r} leads out of the root; build the part again")
    return "/".join(words)


def apply_layer(tree: dict[str, Entry], layer: Layer) -> None:
    """Put a layer over a file tree, which is kept by path. It deletes what lies below it, never anything of its own."""
    _remove(tree, layer.deletions)
    for entry in layer.entries:
        below = tree.get(entry.path)
        if below and below.kind is EntryKind.FOLDER and entry.kind is not EntryKind.FOLDER:
            _remove(tree, {Deletion(entry.path, inside_only=True)})
        tree[entry.path] = entry


def deleted_paths(paths: Iterable[str], deletions: Collection[Deletion]) -> set[str]:
    """Those of the paths that deletions of a layer above take away."""
    if not deletions:
        return set()
    whole = {deletion.path for deletion in deletions if not deletion.inside_only}
    inside = {deletion.path for deletion in deletions}
    return {path for path in paths if path in whole or "" in inside or not inside.isdisjoint(parents(path))}


def _remove(tree: dict[str, Entry], deletions: Collection[Deletion]) -> None:
    for path in deleted_paths(tree, deletions):
        del tree[path]


def parents(path: str) -> Iterator[str]:
    """The folders above a path, the nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
