"""Small images in a real registry: parts with layers of random bytes, combinations that mount them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from codeopen.images.compose.image import CONFIG_TYPE, CREATED, MANIFEST_TYPE, document
from codeopen.images.registry.registry import Registry, digest_of

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Image:
    repository: str
    digest: str
    layers: tuple[str, ...]


@dataclass
class Writer:
    """Writes to one registry, and knows the size and the home of each layer."""

    registry: Registry

    def __post_init__(self) -> None:
        self.layers: dict[str, tuple[int, str]] = {}

    def layer(self, repository: str, size: int = 50_000) -> str:
        content = os.urandom(size)
        digest = digest_of(content)
        self.registry.upload_blob(repository, digest, content)
        self.layers[digest] = (size, repository)
        return digest

    def image(self, repository: str, layers: Iterable[str], created: datetime | None, *tags: str) -> Image:
        """An image; of layers of other repositories, which are mounted. Without a time it is a composed one."""
        layers = tuple(layers)
        for layer in layers:
            if self.layers[layer][1] != repository:
                self.registry.mount_blob(repository, layer, self.layers[layer][1])
        value = {
            "architecture": "amd64",
            "os": "linux",
            "created": created.isoformat().replace("+00:00", "Z") if created else CREATED,
            "rootfs": {"type": "layers", "diff_ids": list(layers)},
            "config": {"Labels": {"of": repository}},
        }
        config = document(CONFIG_TYPE, value)
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": CONFIG_TYPE, "digest": config.digest, "size": len(config.content)},
            "layers": [{"mediaType": LAYER_TYPE, "digest": x, "size": self.layers[x][0]} for x in layers],
        }
        self.registry.upload_blob(repository, config.digest, config.content)
        return Image(repository, self.manifest(repository, MANIFEST_TYPE, manifest, *tags), layers)

    def manifest(self, repository: str, media_type: str, value: Any, *tags: str) -> str:
        made = document(media_type, value)
        for name in (made.digest, *tags):
            self.registry.write_manifest(repository, name, media_type, made.content)
        return made.digest

    def index(self, image: Image, *tags: str) -> str:
        """An index of an image with an attestation beside it, as BuildKit writes one."""
        statement, repository = self.layer(image.repository, 700), image.repository
        config = document(
            CONFIG_TYPE, {"architecture": "unknown", "rootfs": {"diff_ids": [statement]}, "of": statement}
        )
        self.registry.upload_blob(repository, config.digest, config.content)
        attestation = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": CONFIG_TYPE, "digest": config.digest, "size": len(config.content)},
            "layers": [{"mediaType": "application/vnd.in-toto+json", "digest": statement, "size": 700}],
        }
        digest = self.manifest(repository, MANIFEST_TYPE, attestation)
        sizes = {x: len(self.registry.read_manifest(repository, x).content) for x in (image.digest, digest)}
        entries: list[dict[str, Any]] = [
            {"mediaType": MANIFEST_TYPE, "digest": x, "size": size} for x, size in sizes.items()
        ]
        entries[0]["platform"] = {"os": "linux", "architecture": "amd64"}
        entries[1]["annotations"] = {"vnd.docker.reference.type": "attestation-manifest"}
        return self.manifest(
            repository, INDEX_TYPE, {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}, *tags
        )

    def part_index(self, repository: str, subject: str) -> str:
        """What is kept beside a part, listed by the tag that registries without the referrers API have."""
        content = self.layer(repository, 3_000)
        self.registry.upload_blob(repository, digest_of(b"{}"), b"{}")
        empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(b"{}"), "size": 2}
        value = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": "application/x",
            "config": empty,
            "layers": [{"mediaType": "application/x", "digest": content, "size": 3_000}],
            "subject": {"mediaType": MANIFEST_TYPE, "digest": subject, "size": 1},
        }
        artifact = self.manifest(repository, MANIFEST_TYPE, value)
        size = len(self.registry.read_manifest(repository, artifact).content)
        entry = {"mediaType": MANIFEST_TYPE, "artifactType": "application/x", "digest": artifact, "size": size}
        listed = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]}
        return self.manifest(repository, INDEX_TYPE, listed, subject.replace(":", "-"))
