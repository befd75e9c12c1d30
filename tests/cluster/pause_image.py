"""The image of a pod's first container, which does nothing: one static busybox that sleeps."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any, Final

from codeopen.images.registry.registry import digest_of

PAUSE: Final = "codeopen.test/pause:1"
_PREFIX: Final = "application/vnd.oci.image"


def write_pause_image(file: Path) -> Path:
    """An archive of an OCI layout with the image, for ``ctr images import``."""
    busybox = shutil.which("busybox")
    assert busybox is not None, "no busybox on PATH; install the package busybox-static"
    layer = _tar({"bin/busybox": Path(busybox).resolve().read_bytes()})
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": ["/bin/busybox", "sleep", "2147483647"]},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
    }
    blobs: dict[str, bytes] = {}

    def stored(kind: str, content: bytes) -> dict[str, Any]:
        blobs[f"blobs/sha256/{digest_of(content).rpartition(':')[2]}"] = content
        return {"mediaType": f"{_PREFIX}.{kind}", "digest": digest_of(content), "size": len(content)}

    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_PREFIX}.manifest.v1+json",
        "config": stored("config.v1+json", json.dumps(config).encode()),
        "layers": [stored("layer.v1.tar", layer)],
    }
    described = stored("manifest.v1+json", json.dumps(manifest).encode())
    index = {"schemaVersion": 2, "manifests": [{**described, "annotations": {"io.containerd.image.name": PAUSE}}]}
    layout = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": json.dumps(index).encode()}
    file.write_bytes(_tar({**layout, **blobs}))
    return file


def _tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
