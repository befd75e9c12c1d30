"""``codeopen:index:ImageIndex``: the images of several platforms under one version."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event
from typing import ClassVar

from codeopen.errors import CodeOpenError
from codeopen.images.ondemand.platforms import IndexName, publish_index
from codeopen.images.registry.registry import Registry
from provider.common import BEFORE_TAG, DIGEST, REPOSITORY, VERSION, signing_hook
from provider.protocol.errors import PluginError
from provider.protocol.properties import Change, Kind, Property
from provider.protocol.resource import Change as InPlaceChange
from provider.protocol.resource import Observed, ResourceType, Stored
from provider.protocol.values import UNKNOWN, Properties

_IMAGE_FIELDS: Mapping[str, Property] = {
    "platform": Property(Kind.STRING, required=True),
    "reference": Property(Kind.STRING, required=True),
}


class ImageIndex(ResourceType):
    """The index of ``images`` of one repository, each of another platform, under ``version`` and its plan's tag.

    ``ref`` is ``repository@digest``. ``beforeTag`` is run on the index before it gets its tags. A released version
    never moves. Deleting this deletes nothing from the registry.
    """

    token: ClassVar[str] = "codeopen:index:ImageIndex"  # noqa: S105 - a type token, not a secret
    table: ClassVar[Mapping[str, Property]] = {
        "repository": REPOSITORY,
        "version": Property(VERSION.kind, change=Change.UPDATE, required=True, canonical=VERSION.canonical),
        "planDigest": Property(DIGEST.kind, change=Change.UPDATE, required=True, canonical=DIGEST.canonical),
        "images": Property(Kind.OBJECTS, change=Change.UPDATE, required=True, fields=_IMAGE_FIELDS),
        "beforeTag": BEFORE_TAG,
    }
    computed: ClassVar[tuple[str, ...]] = ("ref",)

    def preview_update(self, inputs: Properties, outputs: Properties) -> Properties:  # noqa: ARG002
        return {**inputs, "ref": UNKNOWN}

    def create(self, inputs: Properties, cancelled: Event) -> Stored:  # noqa: ARG002
        outputs = _publish(inputs)
        return Stored(str(outputs["ref"]), outputs)

    def read(self, identifier: str, inputs: Properties, outputs: Properties) -> Observed | None:
        if not inputs or "ref" not in outputs:
            raise PluginError(f"the image index {identifier} can't be imported; let Pulumi create it")
        host, _, repository = str(inputs["repository"]).partition("/")
        try:
            there = Registry(host).find_manifest(repository, str(outputs["ref"]).rpartition("@")[2])
        except CodeOpenError as error:
            raise PluginError(str(error)) from error
        return Observed(identifier, inputs, outputs) if there else None

    def update(self, change: InPlaceChange, outputs: Properties, cancelled: Event) -> Properties:  # noqa: ARG002
        return _publish(change.new)

    def delete(self, identifier: str, outputs: Properties) -> None:
        """Nothing is deleted from a registry by a replacement or a destroy."""


def _publish(inputs: Properties) -> Properties:
    host, _, repository = str(inputs["repository"]).partition("/")
    images = {str(each["platform"]): str(each["reference"]).rpartition("@")[2] for each in inputs["images"]}
    name = IndexName(repository, str(inputs["version"]), str(inputs["planDigest"]))
    try:
        ref = publish_index(Registry(host), name, images, signing_hook(inputs))
    except CodeOpenError as error:
        raise PluginError(str(error)) from error
    return {**inputs, "ref": ref}
