"""The files of an image, read from its layers in the registry: what each layer adds, and what all of them come to.

No program of the image is asked, so nothing in it can hide anything, and what a later layer removes is still seen.
"""

from __future__ import annotations

import stat
import tarfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import IO, Final

from codeopen.errors import RegistryError
from codeopen.images.registry.contents import open_layer
from codeopen.images.verify.leaks import find_secret

# OCI image specification, "Layer Filesystem Changeset": marks of a removed file, and of a folder with hidden content.
_REMOVED: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
# Of these the rules read the text.
_READ: Final = (
    *("/etc/codeopen/health.d/", "/etc/passwd", "/etc/group", "/etc/timezone"),
    # Accounts, and files that grant something or that root reads: see ``privileges``.
    *("/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid", "/etc/sudoers", "/etc/doas.", "/etc/hosts.equiv"),
    *("/etc/security/capability.conf", "/etc/polkit-1/", "/etc/ld.so.", "/etc/environment", "/etc/cron", "/root/"),
    *("/var/spool/cron/", "/etc/systemd/", "/usr/lib/systemd/system/", "/etc/init.d/", "/etc/rc.local"),
)
# PAX records of a file's extended attributes, as tar, containerd and BuildKit write them.
_ATTRIBUTE: Final = "SCHILY.xattr."
_LARGEST_SCANNED: Final = 1 << 20
_BYTE_CODE_HEADER: Final = 16
_BUFFER: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file, folder or link of a layer; ``path`` begins with a slash, ``target`` is a symbolic link's.

    ``secret`` says what looks like one in its content; ``hashed`` is false for byte code that depends on a time;
    ``text`` is the content of the few files that rules read; ``attributes`` are the names of its extended ones;
    ``same_as`` is the path that a hard link is a second name of.
    """

    path: str
    mode: int
    uid: int
    gid: int
    size: int
    target: str = ""
    secret: str = ""
    hashed: bool = True
    text: str = ""
    attributes: tuple[str, ...] = ()
    same_as: str = ""

    @property
    def is_device(self) -> bool:
        return stat.S_ISCHR(self.mode) or stat.S_ISBLK(self.mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer adds, and the paths that it removes or hides."""

    entries: tuple[FileEntry, ...]
    removed: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


class LayerReader:
    """Reads layers, each once: images that share layers share what was read."""

    def __init__(self, opener: Callable[[str, str], AbstractContextManager[IO[bytes]]] = open_layer) -> None:
        self._open = opener
        self._read: dict[str, Layer] = {}

    def read(self, reference: str, layer: str) -> Layer:
        """A layer of an image, by its digest. Raises RegistryError."""
        if layer not in self._read:
            with self._open(reference, layer) as stream:
                try:
                    self._read[layer] = read_layer(stream)
                except (tarfile.TarError, zlib.error, EOFError) as error:
                    raise RegistryError(
                        f"{reference}: layer {layer} can't be read ({error}); build it again"
                    ) from error
        return self._read[layer]


def read_layer(stream: IO[bytes]) -> Layer:
    """What a layer's tar holds."""
    entries: dict[str, FileEntry] = {}
    removed: list[str] = []
    hidden: list[str] = []
    with tarfile.open(fileobj=stream, mode="r|", bufsize=_BUFFER) as archive:
        for member in archive:
            path = "/" + member.name.removeprefix("./").strip("/")
            folder, _, name = path.rpartition("/")
            if name == _OPAQUE:
                hidden.append(folder)
            elif name.startswith(_REMOVED):
                removed.append(f"{folder}/{name.removeprefix(_REMOVED)}")
            else:
                entries[path] = _entry(path, member, archive, entries)
    while stream.read(_BUFFER):
        pass  # the checksum behind the archive's end
    return Layer(tuple(entries.values()), tuple(removed), tuple(hidden))


def merge_layers(layers: Iterable[Layer]) -> Mapping[str, FileEntry]:
    """The files that a container sees: each layer over those before it."""
    files: dict[str, FileEntry] = {}
    for layer in layers:
        linked = {entry.same_as: files[entry.same_as] for entry in layer.entries if entry.same_as in files}
        for path in layer.hidden:
            _empty(files, path)
        for path in layer.removed:
            _empty(files, path)
            files.pop(path, None)
        for entry in layer.entries:
            if not entry.is_folder:  # it takes the content of a folder in whose place it comes away
                _empty(files, entry.path)
            # A second name has what the first one has, be it of a layer below, and removed since.
            first = files.get(entry.same_as) or linked.get(entry.same_as)
            files[entry.path] = _with_rights_of(first, entry) if first else entry
    return files


def _empty(files: dict[str, FileEntry], folder: str) -> None:
    before = files.get(folder)
    if before is not None and before.is_folder:
        for path in [path for path in files if path.startswith(f"{folder}/")]:
            del files[path]


def _with_rights_of(first: FileEntry, entry: FileEntry) -> FileEntry:
    mode = entry.mode | (first.mode & (stat.S_ISUID | stat.S_ISGID))
    return replace(entry, mode=mode, attributes=tuple(dict.fromkeys((*entry.attributes, *first.attributes))))


def _entry(path: str, member: tarfile.TarInfo, archive: tarfile.TarFile, before: Mapping[str, FileEntry]) -> FileEntry:
    content = _content(member, archive)
    attributes = tuple(key.removeprefix(_ATTRIBUTE) for key in member.pax_headers if key.startswith(_ATTRIBUTE))
    if member.islnk():
        same_as = "/" + member.linkname.removeprefix("./").strip("/")
        first = before.get(same_as)  # or a file of a layer below
        size, secret, text = (first.size, first.secret, first.text) if first else (0, "", "")
        entry = FileEntry(path, stat.S_IFREG | member.mode, member.uid, member.gid, size, "", secret, text=text)
        return replace(entry, attributes=attributes, same_as=same_as)
    return FileEntry(
        path=path,
        mode=_kind(member) | member.mode,
        uid=member.uid,
        gid=member.gid,
        size=member.size,
        target=member.linkname if member.issym() else "",
        secret=find_secret(path, content) if content else "",
        hashed=not path.endswith(".pyc") or _is_hashed(content),
        text=content.decode("utf-8", errors="replace") if path.startswith(_READ) else "",
        attributes=attributes,
    )


def _content(member: tarfile.TarInfo, archive: tarfile.TarFile) -> bytes:
    """The content of a file that is small enough to be looked at; else the beginning is enough for byte code."""
    if not member.isreg() or not member.size:
        return b""
    stream = archive.extractfile(member)
    if stream is None:
        return b""
    return stream.read(_LARGEST_SCANNED if member.size <= _LARGEST_SCANNED else _BYTE_CODE_HEADER)


def _is_hashed(content: bytes) -> bool:
    """Whether byte code is checked by its source's hash or not at all, and not by its time. Source: PEP 552."""
    return len(content) < _BYTE_CODE_HEADER or bool(content[4] & 1)


def _kind(member: tarfile.TarInfo) -> int:
    kinds: Sequence[tuple[bool, int]] = (
        (member.isreg(), stat.S_IFREG),
        (member.isdir(), stat.S_IFDIR),
        (member.issym(), stat.S_IFLNK),
        (member.isfifo(), stat.S_IFIFO),
        (member.ischr(), stat.S_IFCHR),
        (member.isblk(), stat.S_IFBLK),
    )
    return next((kind for is_kind, kind in kinds if is_kind), 0)
