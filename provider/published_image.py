"""``codeopen:index:PublishedImage``: the image of a plan that was built elsewhere, by its digest."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event
from typing import ClassVar

from codeopen.errors import CodeOpenError
from codeopen.images.registry.registry import Registry
from codeopen.model.plan.digest import plan_tag
from provider.common import DIGEST, REPOSITORY
from provider.protocol.errors import PluginError
from provider.protocol.properties import Change, Kind, Property
from provider.protocol.resource import Change as InPlaceChange
from provider.protocol.resource import Observed, ResourceType, Stored
from provider.protocol.values import UNKNOWN, Properties


class PublishedImage(ResourceType):
    """Looks ``planDigest`` up in ``repository``: ``ref`` is ``repository@digest``. It fails where nobody published it.

    Nothing is built and nothing deleted. Credentials come from Docker's configuration and credential helpers.
    """

    token: ClassVar[str] = "codeopen:index:PublishedImage"  # noqa: S105 - a type token, not a secret
    table: ClassVar[Mapping[str, Property]] = {
        "repository": Property(Kind.STRING, change=Change.UPDATE, required=True, canonical=REPOSITORY.canonical),
        "planDigest": Property(DIGEST.kind, change=Change.UPDATE, required=True, canonical=DIGEST.canonical),
    }
    computed: ClassVar[tuple[str, ...]] = ("ref",)

    def preview_update(self, inputs: Properties, outputs: Properties) -> Properties:
        if all(inputs.get(name) == outputs.get(name) for name in self.table):
            return super().preview_update(inputs, outputs)
        return {**inputs, "ref": UNKNOWN}

    def create(self, inputs: Properties, cancelled: Event) -> Stored:  # noqa: ARG002
        outputs = _look_up(inputs)
        return Stored(str(outputs["ref"]), outputs)

    def read(self, identifier: str, inputs: Properties, outputs: Properties) -> Observed | None:
        if not inputs or "ref" not in outputs:
            raise PluginError(f"the published image {identifier} can't be imported; let Pulumi look it up")
        host, _, repository = str(inputs["repository"]).partition("/")
        try:
            there = Registry(host).find_manifest(repository, str(outputs["ref"]).rpartition("@")[2])
        except CodeOpenError as error:
            raise PluginError(str(error)) from error
        return Observed(identifier, inputs, outputs) if there else None

    def update(self, change: InPlaceChange, outputs: Properties, cancelled: Event) -> Properties:  # noqa: ARG002
        return _look_up(change.new)

    def delete(self, identifier: str, outputs: Properties) -> None:
        """Nothing is deleted from a registry by a replacement or a destroy."""


def _look_up(inputs: Properties) -> Properties:
    host, _, repository = str(inputs["repository"]).partition("/")
    tag = plan_tag(str(inputs["planDigest"]))
    try:
        digest = Registry(host).find_manifest(repository, tag)
    except CodeOpenError as error:
        raise PluginError(str(error)) from error
    if digest is None:
        raise PluginError(
            f"{host}/{repository}:{tag} is not published: run `codeopen ensure` for it, or the pipeline that builds "
            "images, then this again"
        )
    return {**inputs, "ref": f"{host}/{repository}@{digest}"}
