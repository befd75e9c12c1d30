"""Image manifests and indexes, byte for byte as a layout or a registry holds them (OCI image-spec, Docker v2.2)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from provider.protocol.errors import PluginError

INDEX_TYPES: Final = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)
DEFAULT_MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"

NO_PLATFORM: Final = "unknown"
"""The operating system by which builders mark an index's entries that are no images, such as attestations."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One manifest: its digest, media type and exact bytes."""

    digest: str
    media_type: str
    content: bytes

    def references(self) -> list[str]:
        """The digests that this manifest is made of: other manifests of an index, else config and layers."""
        with self._reading() as document:
            if self.is_index:
                entries = document.get("manifests", [])
            else:
                entries = [document["config"], *document.get("layers", [])]
            return [str(entry["digest"]) for entry in entries]

    def config(self) -> str:
        """The digest of an image's config. Raises PluginError when this is no image manifest."""
        with self._reading() as document:
            return str(document["config"]["digest"])

    def first_platform(self) -> str:
        """The digest of an index's first image. Raises PluginError when it has none."""
        with self._reading() as document:
            for entry in document["manifests"]:
                if entry.get("platform", {}).get("os") != NO_PLATFORM:
                    return str(entry["digest"])
        raise PluginError(f"the index {self.digest} has no image for any platform; publish another one")

    @property
    def is_index(self) -> bool:
        return self.media_type in INDEX_TYPES

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        try:
            yield json.loads(self.content)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise PluginError(
                f"{self.digest} ({self.media_type}) is no image manifest or index ({error!r}); publish another one"
            ) from error


def digest_of(content: bytes) -> str:
    """The digest by which layouts and registries know this content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
