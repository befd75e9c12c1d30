"""Writes one-layer images as OCI image layouts: the same tar gives the same digest again.

Source: OCI Image Format Specification 1.1, "Image Layout", "Image Manifest" and "Image Configuration".
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Image:
    """What an image's configuration says of it; ``architecture`` as in a platform, as ``arm64``."""

    title: str
    version: str
    architecture: str
    env: Mapping[str, str]


def write_layout(layer_tar: Path, target: Path, image: Image) -> str:
    """Make an OCI image layout of one layer in the folder ``target``; returns the manifest's digest.

    ``target`` appears whole or not at all.
    """
    staging = target.with_name(target.name + ".part")
    shutil.rmtree(staging, ignore_errors=True)
    blobs = staging / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    diff_id, layer = _compress(layer_tar, blobs)
    config = _store(
        blobs,
        {
            "architecture": image.architecture,
            "os": "linux",
            "created": EPOCH,
            "config": {
                "Env": [f"{name}={value}" for name, value in sorted(image.env.items())],
                "Labels": {
                    "org.opencontainers.image.title": image.title,
                    "org.opencontainers.image.version": image.version,
                },
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]},
            "history": [{"created": EPOCH, "created_by": f"mirror of {image.title} {image.version}"}],
        },
        "application/vnd.oci.image.config.v1+json",
    )
    manifest = _store(
        blobs,
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config,
            "layers": [layer],
        },
        "application/vnd.oci.image.manifest.v1+json",
    )
    (staging / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (staging / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    shutil.rmtree(target, ignore_errors=True)
    staging.replace(target)
    return str(manifest["digest"])


def _compress(layer_tar: Path, blobs: Path) -> tuple[str, dict[str, object]]:
    """Store the tar gzipped; returns the digest of its uncompressed bytes and the descriptor of its compressed ones."""
    part = blobs / "layer.part"
    plain = hashlib.sha256()
    with (
        layer_tar.open("rb") as source,
        part.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6, mtime=0, filename="") as packed,
    ):
        while chunk := source.read(1 << 20):
            plain.update(chunk)
            packed.write(chunk)
    with part.open("rb") as stored:
        digest = hashlib.file_digest(stored, "sha256").hexdigest()
    size = part.stat().st_size
    part.replace(blobs / digest)
    media_type = "application/vnd.oci.image.layer.v1.tar+gzip"
    return plain.hexdigest(), {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}


def _store(blobs: Path, content: Mapping[str, object], media_type: str) -> dict[str, object]:
    data = json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}
