"""One repository of a registry, as pushing, publishing and looking up images wants it, by the project's one client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

from codeopen.errors import RegistryError
from codeopen.images.registry.registry import Registry
from codeopen.images.registry.transport import Patience
from provider.manifest import Manifest
from provider.protocol.errors import PluginError

ANSWER_SECONDS: Final = 30.0
"""How long a registry that was just started may take to answer."""

ATTEMPTS: Final = 4
RETRY_SECONDS: Final = 0.25
TRANSFER_SECONDS: Final = 600.0
"""How long one request may make no progress: a large layer is written to disk before the registry answers."""

_BLOCK: Final = 1 << 20


class Repository:
    """One repository of a registry, as ``localhost:5000/codeopen/base``. A request ends after ``seconds`` of silence.

    Every method raises PluginError where the registry can't tell.
    """

    def __init__(self, reference: str, *, seconds: float = TRANSFER_SECONDS) -> None:
        self.reference = reference
        self._host, _, self._name = reference.partition("/")
        patience = Patience(ATTEMPTS, seconds, RETRY_SECONDS, RETRY_SECONDS, silence=seconds)
        self._registry = Registry(self._host, patience=patience)

    def wait_until_answering(self) -> None:
        """Return once the registry answers. Raises PluginError after ANSWER_SECONDS, or when it lets nobody in."""
        attempts = int(ANSWER_SECONDS / RETRY_SECONDS) + 1
        patience = Patience(attempts, ANSWER_SECONDS, RETRY_SECONDS, RETRY_SECONDS, silence=max(ANSWER_SECONDS, 1))
        with _told(f"is the registry {self._host} running?"):
            Registry(self._host, patience=patience).find_manifest(self._name, "latest")

    def has_blob(self, digest: str) -> bool:
        with _told():
            return self._registry.has_blob(self._name, digest)

    def has_manifest(self, reference: str, digest: str) -> bool:
        """Whether this tag or digest stands for ``digest``."""
        with _told():
            return self._registry.find_manifest(self._name, reference) == digest

    def manifest(self, reference: str) -> Manifest | None:
        """What this tag or digest stands for, or nothing."""
        with _told():
            found = self._registry.get_manifest(self._name, reference)
        if found is None:
            return None
        return Manifest(found.digest, found.media_type.partition(";")[0].strip(), found.content)

    def labels(self, manifest: Manifest) -> dict[str, str]:
        """The labels in an image's config; an index has those of its first platform."""
        if manifest.is_index:
            digest = manifest.first_platform()
            image = self.manifest(digest)
            if image is None:
                raise PluginError(
                    f"the registry {self._host} lacks {digest}, a part of {manifest.digest} in {self._name}; "
                    "publish it again"
                )
            return self.labels(image)
        digest = manifest.config()
        with _told():
            content = self._registry.read_blob(self._name, digest)
        try:
            labels = json.loads(content).get("config", {}).get("Labels") or {}
            return {str(name): str(value) for name, value in labels.items()}
        except (ValueError, AttributeError) as error:
            raise PluginError(f"{digest} in {self.reference} is no image config: {error}; publish it again") from error

    def put_blob(self, digest: str, content: IO[bytes], size: int) -> None:
        """Upload a blob in one request, streamed; the registry verifies its digest."""

        def opened() -> tuple[int, Iterator[bytes]]:
            content.seek(0)
            return size, iter(lambda: content.read(_BLOCK), b"")

        with _told():
            self._registry.upload_stream(self._name, digest, opened)

    def put_manifest(self, reference: str, media_type: str, content: bytes) -> None:
        """Store a manifest under a tag or its digest."""
        with _told():
            self._registry.write_manifest(self._name, reference, media_type, content)


@contextmanager
def _told(advice: str = "") -> Iterator[None]:
    try:
        yield
    except RegistryError as error:
        raise PluginError(f"{error}; {advice}" if advice else str(error)) from error
