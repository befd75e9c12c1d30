"""One name for the images of several platforms: an image index.

Source: OCI Image Format Specification 1.1, "Image Index".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from codeopen.images.compose.image import Document, document
from codeopen.images.registry.registry import Registry

INDEX_TYPE: Final = "application/vnd.oci.image.index.v1+json"


def make_index(manifests: Mapping[str, Document], annotations: Mapping[str, str]) -> Document:
    """The index of images by their platforms, ordered by platform: the same for the same images."""
    entries = [
        {
            "mediaType": manifest.media_type,
            "digest": manifest.digest,
            "size": len(manifest.content),
            "platform": _platform(name),
        }
        for name, manifest in sorted(manifests.items())
    ]
    value = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries, "annotations": dict(annotations)}
    return document(INDEX_TYPE, value)


def read_manifests(registry: Registry, repository: str, digests: Mapping[str, str]) -> dict[str, Document]:
    """The manifests of images by their platforms, from one repository. Raises RegistryError."""
    found = {platform: registry.read_manifest(repository, digest) for platform, digest in digests.items()}
    return {name: Document(each.media_type, each.digest, each.content) for name, each in found.items()}


def _platform(name: str) -> dict[str, str]:
    system, architecture, *variant = name.split("/")
    return {"os": system, "architecture": architecture, **({"variant": variant[0]} if variant else {})}
