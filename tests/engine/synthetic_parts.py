"""Small parts with everything that composing looks at, pushed to a real registry."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeopen.images.compose.image import CONFIG_TYPE, document, image_manifest
from codeopen.images.compose.part_index import LayerBlob
from codeopen.images.compose.seal import MEDIA_TYPE
from codeopen.images.registry.registry import Registry, digest_of
from tests.unit.images.compose.layers import BASE_FILES, CONFIG, STATUS, Content, make_tar, status


@dataclass(frozen=True)
class Pushed:
    """An image in a registry: its ``host/repository@digest`` and the blobs of its layers, base's first."""

    reference: str
    layers: tuple[tuple[str, int, str], ...]


def push(
    registry: Registry, repository: str, base: Pushed | None, *trees: Mapping[str, Content], **config: Any
) -> Pushed:
    """Push an image whose layers beyond the base's hold these trees."""
    layers = list(base.layers if base else ())
    for digest, _, _ in layers:
        registry.mount_blob(repository, digest, base.reference.partition("/")[2].partition("@")[0] if base else "")
    for tree in trees:
        tar = make_tar(tree)
        packed = gzip.compress(tar, mtime=0)
        registry.upload_blob(repository, digest_of(packed), packed)
        layers.append((digest_of(packed), len(packed), f"sha256:{hashlib.sha256(tar).hexdigest()}"))
    image = document(
        CONFIG_TYPE,
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {**CONFIG, **config},
            "rootfs": {"type": "layers", "diff_ids": [layer[2] for layer in layers]},
        },
    )
    registry.upload_blob(repository, image.digest, image.content)
    manifest = image_manifest(image, [LayerBlob(MEDIA_TYPE, *layer) for layer in layers], {})
    registry.write_manifest(repository, manifest.digest, manifest.media_type, manifest.content)
    return Pushed(f"{registry.host}/{repository}@{manifest.digest}", tuple(layers))


def push_base(registry: Registry, owner: str = "test") -> Pushed:
    return push(registry, f"{owner}/codeopen-base", None, BASE_FILES)


def push_addon(registry: Registry, name: str, base: Pushed, owner: str = "test", **files: Content) -> Pushed:
    """An add-on with a package of its own, so that every combination needs a seal."""
    tree: dict[str, Content] = {
        f"usr/lib/{name}": f"library of {name}".encode(),
        STATUS: status("bash", "libc6", f"lib{name}"),
        **{path.replace("__", "/"): content for path, content in files.items()},
    }
    return push(registry, f"{owner}/codeopen-addon-{name}", base, tree)


def broken_parts(registry: Registry, reference: str) -> Sequence[str]:
    """What an image names and its repository doesn't have; nothing for an image that is whole."""
    repository, _, digest = reference.partition("/")[2].partition("@")
    manifest = json.loads(registry.read_manifest(repository, digest).content)
    named = [manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]
    return [digest for digest in named if not registry.has_blob(repository, digest)]
