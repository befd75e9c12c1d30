"""``codeopen:index:MirroredImage``: an image from an OCI layout, pushed to a registry under a fixed digest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import ClassVar

from provider.common import DIGEST, INSECURE, REPOSITORY, open_repository
from provider.oci_layout import Layout, open_layout
from provider.protocol.errors import PluginError
from provider.protocol.properties import Kind, Property
from provider.protocol.resource import Change as InPlaceChange
from provider.protocol.resource import Observed, ResourceType, Stored
from provider.protocol.values import UNKNOWN, Properties, Value
from provider.registry import Repository


class MirroredImage(ResourceType):
    """An upstream image in the stack's own registry; ``archive`` may be relative to the project, or start with ``~``.

    It is pushed from an OCI image layout (a folder or a tar archive) and verified by its digest; ``ref`` is
    ``repository@digest``. Deleting it deletes nothing from the registry: a retention command owns that.
    """

    token: ClassVar[str] = "codeopen:index:MirroredImage"  # noqa: S105 - a type token, not a secret
    table: ClassVar[Mapping[str, Property]] = {
        "archive": Property(
            Kind.STRING, required=True, compared=False, differs="never a change by itself: the digest says what it is"
        ),
        "digest": DIGEST,
        "repository": REPOSITORY,
        "tag": Property(Kind.STRING, required=True),
        "insecure": INSECURE,
    }
    computed: ClassVar[tuple[str, ...]] = ("ref",)

    def preview(self, inputs: Properties) -> Properties:
        """The reference follows from the inputs, so that what uses it previews with real values."""
        known = inputs.get("repository") is not UNKNOWN and inputs.get("digest") is not UNKNOWN
        return {**inputs, "ref": _reference(inputs) if known else UNKNOWN}

    def preview_update(self, inputs: Properties, outputs: Properties) -> Properties:  # noqa: ARG002
        return self.preview(inputs)

    def create(self, inputs: Properties, cancelled: Event) -> Stored:
        repository = open_repository(inputs)
        repository.wait_until_answering()
        digest, tag = str(inputs["digest"]), str(inputs["tag"])
        if not repository.has_manifest(digest, digest):
            _push(open_layout(Path(inputs["archive"]).expanduser()), repository, digest, digest, cancelled)
        if not repository.has_manifest(tag, digest):
            manifest = open_layout(Path(inputs["archive"]).expanduser()).manifest(digest)
            repository.put_manifest(tag, manifest.media_type, manifest.content)
        return Stored(_reference(inputs), {**inputs, "ref": _reference(inputs)})

    def read(self, identifier: str, inputs: Properties, outputs: Properties) -> Observed | None:
        known = inputs or outputs
        if not known:
            raise PluginError(f"the mirrored image {identifier} can't be imported; let Pulumi create it")
        digest = str(known["digest"])
        if not open_repository(known).has_manifest(digest, digest):
            return None
        return Observed(identifier, inputs, {**outputs, "ref": _reference(known)})

    def update(self, change: InPlaceChange, outputs: Properties, cancelled: Event) -> Properties:  # noqa: ARG002
        return self.preview(change.new)

    def delete(self, identifier: str, outputs: Properties) -> None:
        """Nothing is deleted from a registry by a replacement or a destroy."""


def _reference(inputs: Mapping[str, Value]) -> str:
    return f"{inputs['repository']}@{inputs['digest']}"


def _push(layout: Layout, repository: Repository, digest: str, reference: str, cancelled: Event) -> None:
    """Push what the manifest is made of, then the manifest itself: a registry refuses one with missing parts."""
    manifest = layout.manifest(digest)
    for part in manifest.references():
        if cancelled.is_set():
            raise PluginError(f"pushing {digest} was cancelled; the next run goes on where it stopped")
        if manifest.is_index:
            _push(layout, repository, part, part, cancelled)
        elif not repository.has_blob(part):
            with layout.blob(part) as (content, size):
                repository.put_blob(part, content, size)
    repository.put_manifest(reference, manifest.media_type, manifest.content)
