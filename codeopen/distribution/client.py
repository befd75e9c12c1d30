"""Reads manifests and sizes from a registry over plain HTTP on the loopback address."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any, Final

from codeopen.errors import RegistryError

_MANIFEST_TYPES: Final = (
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
)
_TIMEOUT_SECONDS: Final = 10
_OK: Final = (200, 206)
_GZIP_TRAILER: Final = 4


@dataclass(frozen=True, slots=True)
class ImageSize:
    """Bytes of an image's layers: as they are stored and sent, and as they lie on a disk."""

    compressed: int
    unpacked: int


def read_image_size(reference: str) -> ImageSize:
    """The size of the image ``host:port/repository@digest``. Raises RegistryError."""
    host, _, rest = reference.partition("/")
    repository, _, digest = rest.partition("@")
    connection = http.client.HTTPConnection(host, timeout=_TIMEOUT_SECONDS)
    try:
        manifest = json.loads(_get(connection, f"/v2/{repository}/manifests/{digest}", {"Accept": _MANIFEST_TYPES}))
        layers = manifest["layers"]
        unpacked = sum(_unpacked_size(connection, repository, layer) for layer in layers)
        return ImageSize(sum(layer["size"] for layer in layers), unpacked)
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        raise RegistryError(f"{reference}: its manifest can't be read from {host} ({error}); is it running?") from error
    finally:
        connection.close()


def _unpacked_size(connection: http.client.HTTPConnection, repository: str, layer: dict[str, Any]) -> int:
    """The size of a layer's tar: gzip ends with it, so four bytes are enough (RFC 1952, ISIZE; layers under 4 GiB)."""
    size: int = layer["size"]
    if not layer["mediaType"].endswith("gzip"):
        return size
    wanted = {"Range": f"bytes={size - _GZIP_TRAILER}-{size - 1}"}
    content = _get(connection, f"/v2/{repository}/blobs/{layer['digest']}", wanted)
    return int.from_bytes(content[-_GZIP_TRAILER:], "little")


def _get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> bytes:
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    content = response.read()
    if response.status not in _OK:
        raise OSError(f"GET {path} answered {response.status} {response.reason}")
    return content
