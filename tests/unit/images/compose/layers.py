"""Small layers and parts for the tests of composing."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from codeopen.images.compose.indexing import index_part
from codeopen.images.compose.linker_cache import Library, write_linker_cache
from codeopen.images.compose.part_index import LayerBlob, PartIndex

TAR = "application/vnd.oci.image.layer.v1.tar"
CONFIG = {
    "User": "developer",
    "Entrypoint": ["tini"],
    "Cmd": ["start"],
    "WorkingDir": "/home",
    "Env": ["PATH=/usr/bin:/bin", "PORT=4096"],
    "Labels": {"dev.codeopen.upstream.ubuntu": "24.04"},
}


@dataclass(frozen=True)
class Link:
    """A symbolic link, or a hard one."""

    target: str
    hard: bool = False


@dataclass(frozen=True)
class File:
    """A file with something unusual about it."""

    content: bytes = b""
    mode: int = 0o644
    uid: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)


Content = bytes | Link | File | None


def make_tar(files: Mapping[str, Content]) -> bytes:
    """An uncompressed layer: bytes are files, ``None`` is a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            add(archive, name, content)
    return buffer.getvalue()


def add(archive: tarfile.TarFile, name: str, content: Content) -> None:
    member = tarfile.TarInfo(name)
    member.mode = 0o755 if content is None else 0o644
    if content is None:
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
    elif isinstance(content, Link):
        member.type = tarfile.LNKTYPE if content.hard else tarfile.SYMTYPE
        member.linkname = content.target
        archive.addfile(member)
    else:
        file = content if isinstance(content, File) else File(content)
        member.size, member.mode, member.uid = len(file.content), file.mode, file.uid
        member.pax_headers = {f"SCHILY.xattr.{key}": value for key, value in file.attributes.items()}
        archive.addfile(member, io.BytesIO(file.content))


def blob(name: str) -> LayerBlob:
    return LayerBlob(TAR, f"sha256:{name}", 1, f"sha256:plain-{name}")


def make_part(
    name: str, base: PartIndex | None, *layers: Mapping[str, Content], config: Mapping[str, Any] | None = None
) -> PartIndex:
    """A part whose own layers hold these files, on the base's."""
    tars = {blob(f"{name}-{number}").digest: make_tar(files) for number, files in enumerate(layers)}
    own = tuple(blob(f"{name}-{number}") for number in range(len(layers)))
    return index_part(
        (name, f"sha256:{name}", "linux/amd64"),
        (*(base.layers if base else ()), *own),
        {"config": {**CONFIG, **(config or {})}},
        base,
        lambda layer: io.BytesIO(tars[layer.digest]),
    )


def stanza(name: str, version: str = "1.0", **fields: str) -> str:
    """What dpkg says of one package, with more fields."""
    more = "".join(f"\n{key}: {value}" for key, value in fields.items())
    return f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}{more}"


def status(*packages: str, version: str = "1.0") -> bytes:
    """A dpkg status file of these packages, each as ``name``, ``name=version`` or a stanza."""
    stanzas = []
    for package in packages:
        name, _, own = package.partition("=")
        stanzas.append(package if package.startswith("Package:") else stanza(name, own or version))
    return "".join(f"{text}\n\n" for text in stanzas)[:-1].encode()


def automatic(*names: str) -> bytes:
    """Apt's states of packages that came as dependencies."""
    return "\n".join(f"Package: {name}\nArchitecture: amd64\nAuto-Installed: 1\n" for name in names).encode()


def linker_cache(*paths: str) -> bytes:
    """A linker's cache of these libraries, first in the search path first."""
    return write_linker_cache(Library(path.rpartition("/")[2], path, 0x303, 0) for path in paths)


def processor_cache() -> bytes:
    """A linker's cache that names a kind of processor, as libraries in ``glibc-hwcaps`` make ldconfig write."""
    plain = linker_cache("/usr/lib/glibc-hwcaps/x86-64-v3/libx.so.1")
    start = len(plain) + -len(plain) % 4
    header = plain[:32] + struct.pack("<I", start) + plain[36:]
    capabilities = struct.pack("<IIIIII", 0xEAA42174, 1, 1, 0, start + 24, 4) + bytes(4)
    return header.ljust(start, b"\0") + capabilities


STATUS = "var/lib/dpkg/status"
STATES = "var/lib/apt/extended_states"
BASE_FILES: Mapping[str, Content] = {
    "usr/": None,
    "usr/lib/": None,
    "lib": Link("usr/lib"),
    "etc/": None,
    "etc/passwd": b"root:x:0:0\n",
    STATUS: status("bash", "libc6"),
}


def make_base(**more: Content) -> PartIndex:
    return make_part("base", None, {**BASE_FILES, **more})
