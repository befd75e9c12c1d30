"""Layers in memory, as the tar streams that registries hold."""

from __future__ import annotations

import io
import tarfile

FILE, FOLDER, LINK, HARD_LINK = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


def member(
    path: str, content: bytes = b"", *, kind: bytes = FILE, mode: int = 0o644, owner: int = 0, target: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode, entry.uid, entry.gid, entry.linkname = kind, mode, owner, owner, target
    entry.size = len(content)
    return entry, content


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry, content in members:
            archive.addfile(entry, io.BytesIO(content))
    stream.seek(0)
    return stream
