"""A combination's manifest and configuration, put together from its parts' indexes.

Source: OCI Image Format Specification 1.1, "Image Manifest" and "Image Configuration".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from codeopen.images.compose.config import merge_configs
from codeopen.images.compose.part_index import LayerBlob, PartIndex
from codeopen.images.compose.seal import Seal, make_seal

MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE: Final = "application/vnd.oci.image.config.v1+json"
# Composing takes no time that would mean anything; a fixed one keeps the digest the same everywhere.
CREATED: Final = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Document:
    """JSON as it is stored in a registry."""

    media_type: str
    digest: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ComposedImage:
    """All that has to be in a repository for a combination: documents, the seal, and which part has each layer."""

    manifest: Document
    config: Document
    seal: Seal | None
    layers: tuple[tuple[LayerBlob, str], ...]


def compose_image(base: PartIndex, parts: Sequence[PartIndex], labels: Mapping[str, str]) -> ComposedImage:
    """Put a combination together: the flavor first, then add-ons in layer order. The same parts give the same digest.

    The gate must have passed every pair. Raises ComposeError for what can't be merged.
    """
    return assemble_image(base, parts, labels, make_seal(base, parts))


def assemble_image(
    base: PartIndex, parts: Sequence[PartIndex], labels: Mapping[str, str], seal: Seal | None
) -> ComposedImage:
    """The parts' layers with a seal over them; without it, databases are those of the last part that has them."""
    flavor, *addons = parts
    layers = [(layer, flavor.repository) for layer in flavor.layers]
    layers += [(layer, addon.repository) for addon in addons for layer in addon.delta]
    blobs = [layer for layer, _ in layers] + ([seal.blob] if seal else [])
    names = [f"layer of {repository}" for _, repository in layers] + (["seal"] if seal else [])
    config = document(
        CONFIG_TYPE,
        {
            "architecture": base.platform.split("/")[1],
            "os": base.platform.split("/")[0],
            **({"variant": base.platform.split("/")[2]} if base.platform.count("/") > 1 else {}),
            "created": CREATED,
            "config": merge_configs(base.config, {part.repository: part.config for part in parts}, labels),
            "rootfs": {"type": "layers", "diff_ids": [blob.diff_id for blob in blobs]},
            "history": [{"created": CREATED, "created_by": f"codeopen compose: {name}"} for name in names],
        },
    )
    manifest = image_manifest(config, blobs, labels)
    return ComposedImage(manifest, config, seal, tuple(layers))


def image_manifest(config: Document, layers: Sequence[LayerBlob], annotations: Mapping[str, str]) -> Document:
    """The manifest of an image with this configuration and these layers, lowest first."""
    return document(
        MANIFEST_TYPE,
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": config.media_type, "digest": config.digest, "size": len(config.content)},
            "layers": [{"mediaType": blob.media_type, "digest": blob.digest, "size": blob.size} for blob in layers],
            "annotations": dict(sorted(annotations.items())),
        },
    )


def document(media_type: str, value: Mapping[str, Any]) -> Document:
    """Canonical JSON with its digest: the same bytes for the same value."""
    content = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return Document(media_type, f"sha256:{hashlib.sha256(content).hexdigest()}", content)
