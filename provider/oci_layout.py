"""Reading an OCI image layout (OCI image-spec, image-layout.md), as a folder or as one uncompressed tar archive."""

from __future__ import annotations

import json
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from provider.manifest import DEFAULT_MANIFEST_TYPE, Manifest, digest_of
from provider.protocol.errors import PluginError


class Layout(ABC):
    """The blobs of a layout, by digest."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @abstractmethod
    @contextmanager
    def _open(self, name: str) -> Iterator[tuple[IO[bytes], int]]:
        """The file of this name and its size in bytes; raises FileNotFoundError or KeyError when it is missing."""
        yield from ()

    @contextmanager
    def blob(self, digest: str) -> Iterator[tuple[IO[bytes], int]]:
        """A blob's content and its size in bytes. Raises PluginError when the layout doesn't hold it."""
        algorithm, _, encoded = digest.partition(":")
        try:
            opened = self._open(f"blobs/{algorithm}/{encoded}")
            with opened as found:
                yield found
        except (FileNotFoundError, KeyError):
            raise PluginError(
                f"{self._path} doesn't hold {digest}; fetch the archive again or correct the digest"
            ) from None

    def manifest(self, digest: str) -> Manifest:
        """The manifest of this digest, verified. Raises PluginError when it is missing or altered."""
        with self.blob(digest) as (stream, _):
            content = stream.read()
        actual = digest_of(content)
        if actual != digest:
            raise PluginError(f"{self._path}: the content of {digest} has digest {actual}; fetch the archive again")
        document: dict[str, Any] = json.loads(content)
        media_type = document.get("mediaType") or DEFAULT_MANIFEST_TYPE
        return Manifest(digest, str(media_type), content)


class FolderLayout(Layout):
    """A layout in a folder."""

    @contextmanager
    def _open(self, name: str) -> Iterator[tuple[IO[bytes], int]]:
        path = self._path / name
        with path.open("rb") as stream:
            yield stream, path.stat().st_size


class ArchiveLayout(Layout):
    """A layout in a tar archive, read in place."""

    @contextmanager
    def _open(self, name: str) -> Iterator[tuple[IO[bytes], int]]:
        with tarfile.open(self._path, "r:") as archive:
            try:
                member = archive.getmember(name)
            except KeyError:
                member = archive.getmember(f"./{name}")
            stream = archive.extractfile(member)
            if stream is None:
                raise KeyError(name)
            with stream:
                yield stream, member.size


def open_layout(path: Path) -> Layout:
    """The layout at this path. Raises PluginError when there is none."""
    if path.is_dir():
        if not (path / "oci-layout").exists():
            raise PluginError(f"{path} is not an OCI image layout: it has no file oci-layout")
        return FolderLayout(path)
    if not path.exists():
        raise PluginError(f"there is no OCI archive {path}; the set-up makes it: make setup")
    if not tarfile.is_tarfile(path):
        raise PluginError(f"{path} is not a tar archive")
    return ArchiveLayout(path)
