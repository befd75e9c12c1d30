"""What an image is made of: its configuration, its layers as streams of their tars, and its size."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final, cast

from codeopen.errors import RegistryError
from codeopen.images.registry.registry import Registry

_BUFFER: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"
_GZIP_TRAILER: Final = 4
_GZIP_WRAPS: Final = 1 << 32
# What can't be packed grows by five bytes in each block of at least 16 KB, and by a frame.
_GZIP_GROWTH: Final = 1000
_GZIP_FRAME: Final = 64


@dataclass(frozen=True, slots=True)
class ImageContents:
    """An image's configuration (the JSON that its manifest names), and the digests of its layers, lowest first."""

    config: Mapping[str, Any]
    layers: tuple[str, ...]


def read_contents(reference: str) -> ImageContents:
    """What the image ``host/repository@digest`` is made of. Raises RegistryError, also for an index of images."""
    host, repository, digest = _split(reference)
    registry = Registry(host)
    manifest = registry.read_manifest(repository, digest).parsed()
    try:
        config = json.loads(registry.read_blob(repository, manifest["config"]["digest"]))
        return ImageContents(config, tuple(layer["digest"] for layer in manifest["layers"]))
    except (ValueError, KeyError, TypeError) as error:
        raise RegistryError(
            f"{reference}: is no image manifest with layers ({error!r}); name a single image's digest"
        ) from error


@dataclass(frozen=True, slots=True)
class ImageSize:
    """Bytes of an image's layers: as they are stored and sent, and as they lie on a disk."""

    compressed: int
    unpacked: int


def read_image_size(reference: str) -> ImageSize:
    """The size of the image ``host/repository@digest``. Raises RegistryError, also for an index of images."""
    host, repository, digest = _split(reference)
    registry = Registry(host)
    try:
        layers = registry.read_manifest(repository, digest).parsed()["layers"]
        unpacked = sum(_unpacked_size(registry, repository, layer) for layer in layers)
        return ImageSize(sum(layer["size"] for layer in layers), unpacked)
    except RegistryError as error:
        advice = "if its registry doesn't run or has lost it, apply its stack again (`codeopen up`)"
        raise RegistryError(f"{error}; {advice}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise RegistryError(
            f"{reference}: is no image manifest with layers ({error!r}); name a single image's digest"
        ) from error


def _unpacked_size(registry: Registry, repository: str, layer: Mapping[str, Any]) -> int:
    """The size of a layer's tar: gzip ends with it, so four bytes are enough."""
    size: int = layer["size"]
    if layer["mediaType"].endswith("tar"):
        return size
    if not layer["mediaType"].endswith("gzip"):
        raise RegistryError(
            f"{registry.host}/{repository}: its layers are {layer['mediaType']}, whose unpacked size can't be told"
        )
    with registry.open_blob(repository, layer["digest"], size - _GZIP_TRAILER) as blob:
        return gzip_unpacked(blob.read(), size)


def gzip_unpacked(trailer: bytes, compressed: int) -> int:
    """The bytes that a file of one gzip member unpacks to, by its last four bytes and its size.

    These say the size modulo 4 GiB (RFC 1952, ISIZE). What is packed is hardly larger than what it unpacks to, so the
    size is the first such one from there on: true wherever packing saves less than 4 GiB, as in a layer of 7 GiB that
    halves.
    """
    unpacked = int.from_bytes(trailer, "little")
    least = compressed - compressed // _GZIP_GROWTH - _GZIP_FRAME
    return unpacked + max(0, -(-(least - unpacked) // _GZIP_WRAPS)) * _GZIP_WRAPS


@contextmanager
def open_layer(reference: str, layer: str) -> Iterator[IO[bytes]]:
    """A layer of an image as a stream of its tar, unpacked where it is compressed with gzip. Raises RegistryError."""
    host, repository, _ = _split(reference)
    with Registry(host).open_blob(repository, layer) as blob:
        # Left to itself, the answer counts as closed once it is read to its end, which no reader expects of a file.
        blob.auto_close = False  # type: ignore[attr-defined]
        raw = io.BufferedReader(cast("io.RawIOBase", blob), _BUFFER)
        if raw.peek(len(_GZIP))[: len(_GZIP)] != _GZIP:
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as unpacked:
            yield cast("IO[bytes]", unpacked)


def _split(reference: str) -> tuple[str, str, str]:
    host, _, rest = reference.partition("/")
    repository, _, digest = rest.partition("@")
    return host, repository, digest
