"""The seal: one small layer with the files that several parts write, put together, over the parts' own layers."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from codeopen.images.compose.debconf import DATABASES as DEBCONF
from codeopen.images.compose.debconf import merge_debconf
from codeopen.images.compose.entries import EntryKind
from codeopen.images.compose.linker_cache import PATH as LINKER_CACHE
from codeopen.images.compose.linker_cache import merge_linker_caches
from codeopen.images.compose.packages import DATABASES as PACKAGES
from codeopen.images.compose.packages import merge_packages, write_packages
from codeopen.images.compose.part_index import LayerBlob, PartIndex

MEDIA_TYPE: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
_MODE: Final = 0o644
# zlib's output for a level has been the same since 1.2.5; its default is the last one that costs little.
_LEVEL: Final = 6


@dataclass(frozen=True, slots=True)
class Seal:
    """The layer's blob and what names it."""

    blob: LayerBlob
    content: bytes


def make_seal(base: PartIndex, parts: Sequence[PartIndex]) -> Seal | None:
    """The seal of a combination, the same for the same parts; none where at most one part writes each of its files.

    Raises ComposeError for databases that can't be merged, which the gate would have found.
    """
    files = sealed_files(base, parts)
    if not files:
        return None
    tar = _tar(files, parts)
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=_LEVEL, mtime=0, filename="") as packed:
        packed.write(tar)
    content = buffer.getvalue()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return Seal(LayerBlob(MEDIA_TYPE, digest, len(content), f"sha256:{hashlib.sha256(tar).hexdigest()}"), content)


def sealed_files(base: PartIndex, parts: Sequence[PartIndex]) -> dict[str, bytes]:
    """The merged files that differ from what the last part that writes them has, by path."""

    def shared(names: Iterable[str]) -> list[str]:
        return [name for name in names if sum(name in part.entries for part in parts) > 1]

    merged: dict[str, bytes] = {}
    if shared(PACKAGES):
        beyond = [part.packages.beyond(base.packages) for part in parts]
        merged |= write_packages(merge_packages(base.packages, beyond), base.platform.rpartition("/")[2])
    for name in shared(DEBCONF):
        contents = [part.files[name] for part in parts if name in part.files]
        merged[name] = merge_debconf(name, base.files.get(name, b""), contents)
    if shared([LINKER_CACHE]):
        caches = [part.files.get(LINKER_CACHE, b"") for part in parts]
        merged[LINKER_CACHE] = merge_linker_caches(base.files.get(LINKER_CACHE, b""), caches)
    return {name: merged[name] for name in sorted(shared(merged))}


def _tar(files: Mapping[str, bytes], parts: Sequence[PartIndex]) -> bytes:
    """A tar of these files, with the mode and owner that a part gives them, and no folders: the base has those."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = next(part.entries[name] for part in parts if name in part.entries)
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = entry.mode if entry.kind is EntryKind.FILE else _MODE
            member.uid, member.gid = entry.uid, entry.gid
            member.mtime = 0
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
