"""What an image is made of: its configuration, and its layers as streams of their tars."""

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
