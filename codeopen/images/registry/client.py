"""Reads manifests and sizes from a registry over plain HTTP on the loopback address."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
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
    try:
        with closing(http.client.HTTPConnection(host, timeout=_TIMEOUT_SECONDS)) as connection:
            manifest = json.loads(_get(connection, f"/v2/{repository}/manifests/{digest}", {"Accept": _MANIFEST_TYPES}))
            layers = manifest["layers"]
            unpacked = sum(_unpacked_size(connection, repository, layer) for layer in layers)
            return ImageSize(sum(layer["size"] for layer in layers), unpacked)
    except RegistryError as error:
        raise RegistryError(f"{reference}: {error}; apply its stack again (`codeopen up`)") from None
    except (OSError, http.client.HTTPException) as error:
        raise RegistryError(
            f"{reference}: no registry answers on {host} ({error}); start it (`codeopen up`)"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise RegistryError(
            f"{reference}: what {host} has is no image manifest with layers ({error!r}); name a single image's digest"
        ) from error


def _unpacked_size(connection: http.client.HTTPConnection, repository: str, layer: dict[str, Any]) -> int:
    """The size of a layer's tar: gzip ends with it, so four bytes are enough.

    Source: RFC 1952, ISIZE; true for layers under 4 GiB in one gzip member, as BuildKit writes them.
    """
    size: int = layer["size"]
    if layer["mediaType"].endswith("tar"):
        return size
    if not layer["mediaType"].endswith("gzip"):
        raise RegistryError(f"its layers are {layer['mediaType']}, whose unpacked size can't be told")
    wanted = {"Range": f"bytes={size - _GZIP_TRAILER}-{size - 1}"}
    content = _get(connection, f"/v2/{repository}/blobs/{layer['digest']}", wanted)
    return int.from_bytes(content[-_GZIP_TRAILER:], "little")


def _get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> bytes:
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    content = response.read()
    if response.status not in _OK:
        raise RegistryError(f"the registry answers {response.status} {response.reason} to GET {path}")
    return content
