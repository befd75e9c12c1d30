"""Writes a composed image to its repository: layers by mounting them, then the small rest, then its names.

The manifest comes after everything that it names, and tags after the manifest: whatever interrupts this, nobody sees a
half-written image, and the next attempt finds what is there already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from codeopen.compose.image import ComposedImage
from codeopen.distribution.registry import Registry


@dataclass(frozen=True, slots=True)
class Target:
    """Where an image goes: a repository, and the tags to give it there, in this order."""

    repository: str
    tags: tuple[str, ...]


def publish(
    registry: Registry, image: ComposedImage, target: Target, workers: ThreadPoolExecutor, known: set[tuple[str, str]]
) -> str:
    """Write the image and return its ``host/repository@digest``. Raises RegistryError.

    ``known`` has the (repository, digest) pairs of blobs that are there for sure, and gets those that this writes.
    """
    steps: list[Callable[[], None]] = []

    def upload(digest: str, content: bytes) -> Callable[[], None]:
        return lambda: registry.upload_blob(target.repository, digest, content)

    def mount(digest: str, source: str) -> Callable[[], None]:
        return lambda: registry.mount_blob(target.repository, digest, source)

    digests = []
    for layer, source in image.layers:
        if (target.repository, layer.digest) not in known and layer.digest not in digests:
            steps.append(mount(layer.digest, source))
            digests.append(layer.digest)
    steps.append(upload(image.config.digest, image.config.content))
    if image.seal:
        steps.append(upload(image.seal.blob.digest, image.seal.content))
    _all(workers, steps)
    known |= {(target.repository, digest) for digest in digests}
    registry.write_manifest(target.repository, image.manifest.digest, image.manifest.media_type, image.manifest.content)
    for tag in target.tags:
        registry.write_manifest(target.repository, tag, image.manifest.media_type, image.manifest.content)
    return f"{registry.host}/{target.repository}@{image.manifest.digest}"


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
