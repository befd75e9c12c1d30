"""Copies images from one registry to another: blobs that are missing there, then manifests, tags last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeopen.images.registry.registry import Manifest, Registry


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied: the digest, and how many of the image's blobs were missing there."""

    digest: str
    blobs: int
    sent_blobs: int


def copy_image(
    origin: tuple[Registry, str], reference: str, target: tuple[Registry, str], tags: Sequence[str]
) -> Copied:
    """Copy an image, or an index with all its images, and give it tags. Raises RegistryError.

    ``origin`` and ``target`` are a registry and a repository. What is there is not sent again, so that an interrupted
    copy goes on where it stopped.
    """
    manifest = origin[0].read_manifest(origin[1], reference)
    blobs, sent = _copy_content(origin, manifest, target)
    for name in (manifest.digest, *tags):
        target[0].write_manifest(target[1], name, manifest.media_type, manifest.content)
    return Copied(manifest.digest, blobs, sent)


def _copy_content(origin: tuple[Registry, str], manifest: Manifest, target: tuple[Registry, str]) -> tuple[int, int]:
    content: Mapping[str, Any] = manifest.parsed()
    blobs = sent = 0
    for entry in content.get("manifests", ()):
        copied = copy_image(origin, entry["digest"], target, ())
        blobs, sent = blobs + copied.blobs, sent + copied.sent_blobs
    named = [*([content["config"]] if "config" in content else []), *content.get("layers", ())]
    for digest in dict.fromkeys(each["digest"] for each in named):
        blobs += 1
        if not target[0].has_blob(target[1], digest):
            target[0].copy_blob(target[1], digest, origin[0], origin[1])
            sent += 1
    return blobs, sent
