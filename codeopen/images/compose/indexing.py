"""Makes the index of a part from its manifest, configuration and layers, wherever these are read from."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import IO, Any, Final

from codeopen.errors import ComposeError
from codeopen.images.compose.entries import Deletion, Entry, Layer, apply_layer, deleted_paths, read_layer
from codeopen.images.compose.packages import read_packages
from codeopen.images.compose.part_index import EMPTY_LAYER, LayerBlob, PartIndex, is_kept

_GZIP_TYPES: Final = (
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
)
_TAR_TYPE: Final = "application/vnd.oci.image.layer.v1.tar"

OpenBlob = Callable[[LayerBlob], AbstractContextManager[IO[bytes]]]


def list_layers(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[LayerBlob, ...]:
    """The layers of an image that hold something, from its manifest and its configuration.

    Raises ComposeError where the two don't agree.
    """
    descriptors: Sequence[Mapping[str, Any]] = manifest.get("layers", ())
    diff_ids: Sequence[str] = config.get("rootfs", {}).get("diff_ids", ())
    if len(descriptors) != len(diff_ids):
        raise ComposeError(f"the manifest has {len(descriptors)} layers, the configuration {len(diff_ids)}")
    return tuple(
        LayerBlob(layer["mediaType"], layer["digest"], layer["size"], diff_id)
        for layer, diff_id in zip(descriptors, diff_ids, strict=True)
        if diff_id != EMPTY_LAYER
    )


def index_part(
    identity: tuple[str, str, str],
    layers: tuple[LayerBlob, ...],
    config: Mapping[str, Any],
    base: PartIndex | None,
    open_blob: OpenBlob,
) -> PartIndex:
    """Read the layers beyond the base's once. ``identity`` is repository, manifest digest and platform.

    ``base`` is ``None`` for the base itself. Raises ComposeError for a part that does not stand on the base's layers,
    or whose layers can't be read.
    """
    repository, digest, platform = identity
    known = len(base.layers) if base else 0
    if base and [layer.diff_id for layer in layers[:known]] != [layer.diff_id for layer in base.layers]:
        raise ComposeError(f"{repository}: it does not stand on the base's layers; build it again")
    entries: dict[str, Entry] = {}
    deletions: set[Deletion] = set()
    files = dict(base.files) if base else {}
    for blob in layers[known:]:
        with open_blob(blob) as stream, _unpacked(blob, stream) as tar:
            layer = _read(tar, repository)
        apply_layer(entries, layer)
        deletions |= layer.deletions
        gone = deleted_paths(files, layer.deletions)
        files = {name: content for name, content in files.items() if name not in gone} | dict(layer.kept)
    return PartIndex(
        digest=digest,
        repository=repository,
        platform=platform,
        layers=layers,
        base_layers=known,
        entries=entries,
        deletions=frozenset(deletions),
        packages=read_packages(files),
        files=files,
        config=config.get("config", {}),
    )


def _read(tar: IO[bytes], repository: str) -> Layer:
    try:
        return read_layer(tar, is_kept)
    except (ComposeError, zlib.error, gzip.BadGzipFile) as error:
        raise ComposeError(f"{repository}: {error}") from error


def _unpacked(layer: LayerBlob, blob: IO[bytes]) -> IO[bytes]:
    if layer.media_type in _GZIP_TYPES:
        return gzip.GzipFile(fileobj=io.BufferedReader(blob, 1 << 20) if isinstance(blob, io.RawIOBase) else blob)  # type: ignore[return-value]
    if layer.media_type == _TAR_TYPE:
        return blob
    raise ComposeError(f"layer {layer.digest} is {layer.media_type}, which can't be read; take gzip")
