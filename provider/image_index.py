"""``codeopen:index:ImageIndex``: the images of several platforms under one version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from codeopen.images.ondemand.platforms import IndexName, publish_index
from codeopen.images.registry.registry import Registry
from provider.common import BEFORE_TAG, DIGEST, REPOSITORY, VERSION, signing_hook
from provider.pinned_image import PinnedImage
from provider.protocol.properties import Change, Kind, Property
from provider.protocol.values import UNKNOWN, Properties

_IMAGE_FIELDS: Mapping[str, Property] = {
    "platform": Property(Kind.STRING, required=True),
    "reference": Property(Kind.STRING, required=True),
}


class ImageIndex(PinnedImage):
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
    noun: ClassVar[str] = "image index"

    def preview_update(self, inputs: Properties, outputs: Properties) -> Properties:  # noqa: ARG002
        return {**inputs, "ref": UNKNOWN}

    def find_ref(self, registry: str, repository: str, inputs: Properties) -> str:
        images = {str(each["platform"]): str(each["reference"]).rpartition("@")[2] for each in inputs["images"]}
        name = IndexName(repository, str(inputs["version"]), str(inputs["planDigest"]))
        return publish_index(Registry(registry), name, images, signing_hook(inputs))
