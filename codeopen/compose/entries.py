"""What a layer holds: its entries by path, read from the layer's tar, and the file tree that layers make together.

Source: OCI Image Format Specification 1.1, "Image Layer Filesystem Changeset".
"""

from __future__ import annotations

import hashlib
import posixpath
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
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
    """The types of a changeset's entries; a whiteout deletes what lies below, an opaque one all of a folder's."""

    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symlink"
    DEVICE = "device"
    FIFO = "fifo"
    WHITEOUT = "whiteout"
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One path of a layer. Times are not part of it: they say when a part was built, not what it is.

    ``path`` is relative to the root, without a trailing slash; a whiteout's is that of what it deletes. ``content`` is
    the ``sha256:`` digest of a file, the target of a symbolic link or a device's number; a hard link has the digest of
    the file that it links to. ``size`` is in bytes.
    """

    path: str
    kind: EntryKind
    mode: int
    uid: int
    gid: int
    size: int
    content: str
    attributes: tuple[tuple[str, str], ...] = ()


def read_entries(layer: IO[bytes], keep: Callable[[str], bool]) -> tuple[tuple[Entry, ...], Mapping[str, bytes]]:
    """The entries of an uncompressed layer in its order, and the contents of the files that ``keep`` asks for.

    Raises ComposeError for a tar that is none, holds a path twice, or has paths that lead out of the root.
    """
    entries: dict[str, Entry] = {}
    kept: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=layer, mode="r|") as archive:
            for member in archive:
                entry, data = _read_member(archive, member, entries, keep)
                if entry is None:
                    continue
                if entry.path in entries and entry.kind is not EntryKind.FOLDER:
                    raise ComposeError(f"layer: {entry.path!r} is in it twice; build the part again")
                entries[entry.path] = entry
                if data is not None:
                    kept[entry.path] = data
    except (tarfile.TarError, EOFError, UnicodeError) as error:
        raise ComposeError(f"layer: it is no readable tar ({error}); build the part again") from error
    return tuple(entries.values()), MappingProxyType(kept)


def _read_member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, known: Mapping[str, Entry], keep: Callable[[str], bool]
) -> tuple[Entry | None, bytes | None]:
    path = _clean(member.name)
    if not path:
        return None, None  # the root itself
    folder, _, name = path.rpartition("/")
    if name == OPAQUE_WHITEOUT:
        return Entry(folder, EntryKind.OPAQUE, 0, 0, 0, 0, ""), None
    if name.startswith(WHITEOUT_PREFIX):
        deleted = posixpath.join(folder, name.removeprefix(WHITEOUT_PREFIX))
        return Entry(deleted, EntryKind.WHITEOUT, 0, 0, 0, 0, ""), None
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


def apply_layers(layers: Iterable[Iterable[Entry]], tree: Mapping[str, Entry] | None = None) -> dict[str, Entry]:
    """The file tree that layers make on top of ``tree``, by path."""
    result = dict(tree or {})
    for layer in layers:
        entries = tuple(layer)
        # A whiteout hides what lies below its own layer, wherever in the layer it stands.
        for entry in entries:
            if entry.kind is EntryKind.WHITEOUT:
                _remove(result, entry.path, itself=True)
            elif entry.kind is EntryKind.OPAQUE:
                _remove(result, entry.path, itself=False)
        for entry in entries:
            if entry.kind in {EntryKind.WHITEOUT, EntryKind.OPAQUE}:
                continue
            below = result.get(entry.path)
            if below and below.kind is EntryKind.FOLDER and entry.kind is not EntryKind.FOLDER:
                _remove(result, entry.path, itself=True)
            result[entry.path] = entry
    return result


def _remove(tree: dict[str, Entry], path: str, *, itself: bool) -> None:
    inside = f"{path}/"
    for name in [name for name in tree if name.startswith(inside) or (itself and name == path)]:
        del tree[name]


def parents(path: str) -> Iterator[str]:
    """The folders above a path, the nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
