"""Writes a composed image to its repository: layers by mounting them, then the small rest, then its names.

The manifest comes after everything that it names, and tags after the manifest: whatever interrupts this, nobody sees a
half-written image, and the next attempt finds what is there already.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from codeopen.errors import UnknownBlobError
from codeopen.images.compose.image import ComposedImage, Document
from codeopen.images.registry.registry import Registry

_ATTEMPTS: Final = 5
_PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Target:
    """Where an image goes: a repository, and the tags to give it there, in this order."""

    repository: str
    tags: tuple[str, ...]


def publish_untagged(
    registry: Registry, image: ComposedImage, repository: str, workers: ThreadPoolExecutor, known: set[tuple[str, str]]
) -> str:
    """Write everything but the tags, and return the ``host/repository@digest``. Raises RegistryError.

    ``known`` has the (repository, digest) pairs of blobs that are there for sure, and gets those that this writes.
    """
    for attempt in range(_ATTEMPTS):
        _write_blobs(registry, image, repository, workers, known)
        try:
            manifest = image.manifest
            registry.write_manifest(repository, manifest.digest, manifest.media_type, manifest.content)
            break
        except UnknownBlobError:
            # What was there is collected; or another one writes the same now, and the registry shows it half-done.
            known -= {each for each in known if each[0] == repository}
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(_PAUSE_SECONDS * 2**attempt)
    return f"{registry.host}/{repository}@{image.manifest.digest}"


def _write_blobs(
    registry: Registry, image: ComposedImage, repository: str, workers: ThreadPoolExecutor, known: set[tuple[str, str]]
) -> None:
    steps: list[Callable[[], None]] = []

    def upload(digest: str, content: bytes) -> Callable[[], None]:
        return lambda: registry.upload_blob(repository, digest, content)

    def mount(digest: str, source: str) -> Callable[[], None]:
        return lambda: registry.mount_blob(repository, digest, source)

    digests = []
    for layer, source in image.layers:
        if (repository, layer.digest) not in known and layer.digest not in digests:
            steps.append(mount(layer.digest, source))
            digests.append(layer.digest)
    steps.append(upload(image.config.digest, image.config.content))
    if image.seal:
        steps.append(upload(image.seal.blob.digest, image.seal.content))
    _all(workers, steps)
    known |= {(repository, digest) for digest in digests}


def write_tags(registry: Registry, manifest: Document, target: Target) -> None:
    """Give a manifest that is there its tags. Raises RegistryError."""
    for tag in target.tags:
        for attempt in range(_ATTEMPTS):
            try:
                registry.write_manifest(target.repository, tag, manifest.media_type, manifest.content)
                break
            except UnknownBlobError:
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(_PAUSE_SECONDS * 2**attempt)


def _all(workers: ThreadPoolExecutor, steps: Iterable[Callable[[], None]]) -> None:
    """Perform steps in parallel; the first error is raised when all have ended."""
    futures = [workers.submit(step) for step in steps]
    errors: list[BaseException] = []
    for future in futures:
        with suppress(Exception):
            future.result()
        if error := future.exception():
            errors.append(error)
    if errors:
        raise errors[0]
