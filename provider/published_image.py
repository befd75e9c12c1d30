"""``codeopen:index:PublishedImage``: the image of a plan that was built elsewhere, by its digest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from codeopen.images.registry.registry import Registry
from codeopen.model.plan.digest import plan_tag
from provider.common import DIGEST, REPOSITORY
from provider.pinned_image import PinnedImage
from provider.protocol.errors import PluginError
from provider.protocol.properties import Change, Kind, Property
from provider.protocol.values import UNKNOWN, Properties


class PublishedImage(PinnedImage):
    """Looks ``planDigest`` up in ``repository``: ``ref`` is ``repository@digest``. It fails where nobody published it.

    Nothing is built and nothing deleted. Credentials come from Docker's configuration and credential helpers.
    """

    token: ClassVar[str] = "codeopen:index:PublishedImage"  # noqa: S105 - a type token, not a secret
    table: ClassVar[Mapping[str, Property]] = {
        "repository": Property(Kind.STRING, change=Change.UPDATE, required=True, canonical=REPOSITORY.canonical),
        "planDigest": Property(DIGEST.kind, change=Change.UPDATE, required=True, canonical=DIGEST.canonical),
    }
    noun: ClassVar[str] = "published image"

    def preview_update(self, inputs: Properties, outputs: Properties) -> Properties:
        if all(inputs.get(name) == outputs.get(name) for name in self.table):
            return super().preview_update(inputs, outputs)
        return {**inputs, "ref": UNKNOWN}

    def find_ref(self, registry: str, repository: str, inputs: Properties) -> str:
        tag = plan_tag(str(inputs["planDigest"]))
        digest = Registry(registry).find_manifest(repository, tag)
        if digest is None:
            raise PluginError(
                f"{registry}/{repository}:{tag} is not published: run `codeopen ensure` for it, or the pipeline that "
                "builds images, then this again"
            )
        return f"{registry}/{repository}@{digest}"
