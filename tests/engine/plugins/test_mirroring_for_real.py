"""The mirrored image against a real registry."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from threading import Event

from provider.mirrored_image import MirroredImage


def add(folder: Path, content: bytes) -> dict[str, object]:
    digest = hashlib.sha256(content).hexdigest()
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / digest).write_bytes(content)
    return {"digest": f"sha256:{digest}", "size": len(content)}


def test_an_image_is_pushed_under_its_digest_and_tag(registry: str, tmp_path: Path) -> None:
    folder = tmp_path / "layout"
    layer = add(folder, b"x" * (5 * 1024 * 1024)) | {"mediaType": "application/vnd.oci.image.layer.v1.tar"}
    config = add(folder, b'{"architecture":"amd64","os":"linux"}')
    config |= {"mediaType": "application/vnd.oci.image.config.v1+json"}
    media_type = "application/vnd.oci.image.manifest.v1+json"
    document = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer]}
    manifest = add(folder, json.dumps(document).encode())
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    inputs = {
        "archive": str(folder),
        "digest": manifest["digest"],
        "repository": f"{registry}/codeopen/upstream",
        "tag": "v1",
        "insecure": True,
    }
    image = MirroredImage()
    stored = image.create(inputs, Event())
    assert stored.outputs["ref"] == f"{registry}/codeopen/upstream@{manifest['digest']}"
    assert image.create(inputs, Event()) == stored
    assert image.read(stored.identifier, inputs, stored.outputs) is not None
    shutil.rmtree(tmp_path / "registry" / "docker")
    assert image.read(stored.identifier, inputs, stored.outputs) is None
