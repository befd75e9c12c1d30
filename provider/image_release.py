"""``codeopen:index:ImageRelease``: an image published under its plan and its version; the first for a plan wins."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event
from typing import ClassVar, Final

from codeopen.errors import CodeOpenError
from codeopen.model.plan.digest import plan_tag
from provider.common import (
    BEFORE_TAG,
    DIGEST,
    INSECURE,
    REPOSITORY,
    VERSION,
    open_repository,
    signing_hook,
)
from provider.manifest import Manifest
from provider.protocol.errors import PluginError
from provider.protocol.properties import Property
from provider.protocol.resource import Change, Observed, ResourceType, Stored
from provider.protocol.values import UNKNOWN, Properties
from provider.publication import Publication, open_publication

SETTLING_SECONDS: Final = 0.5
"""Well above the few milliseconds between a builder's look at a tag and its own writing of it."""


class ImageRelease(ResourceType):
    """Publishes the image ``digest``, which lies in the repository already, under its plan's tag and its version.

    ``ref`` is ``repository@digest`` of the plan's image, ``tag`` its plan tag. If an image is published for the plan
    already, that one is adopted: ``adopted`` is true, ``ref`` names it, and ``digest`` gets no tag. The tag ``version``
    is set where it is absent, left where it bears the plan, and moved from another plan if it is a pre-release; a
    released one is an error before anything is written. ``beforeTag`` is run on the image before it gets a tag.
    A refresh finds out whether ``ref`` is gone. Deleting this deletes nothing: a retention command owns that.
    """

    token: ClassVar[str] = "codeopen:index:ImageRelease"  # noqa: S105 - a type token, not a secret
    table: ClassVar[Mapping[str, Property]] = {
        "repository": REPOSITORY,
        "planDigest": DIGEST,
        "version": VERSION,
        "digest": DIGEST,
        "insecure": INSECURE,
        "beforeTag": BEFORE_TAG,
    }
    computed: ClassVar[tuple[str, ...]] = ("ref", "adopted", "tag")

    def preview(self, inputs: Properties) -> Properties:
        plan = inputs["planDigest"]
        return {**super().preview(inputs), "tag": UNKNOWN if plan is UNKNOWN else plan_tag(plan)}

    def create(self, inputs: Properties, cancelled: Event) -> Stored:
        publication = open_publication(inputs)
        repository, digest = publication.repository, str(inputs["digest"])
        repository.wait_until_answering()
        built = repository.manifest(digest)
        image = publication.find() or built
        if image is None:
            raise PluginError(
                f"{repository.reference} doesn't hold {digest}, which is to be published for the plan "
                f"{publication.plan}; build and push the image again"
            )
        _sign(publication, image, inputs)
        if repository.manifest(publication.plan_tag) is None:
            _tag(publication, publication.plan_tag, image)
        if not repository.has_manifest(publication.version, image.digest):
            image = _settled(publication, cancelled)
            _tag(publication, publication.version, image)
            image = _settled(publication, cancelled)  # raises where another plan released this version meanwhile
        ref = publication.reference_to(image)
        adopted = image.digest != digest
        return Stored(ref, {**inputs, "ref": ref, "adopted": adopted, "tag": publication.plan_tag})

    def read(self, identifier: str, inputs: Properties, outputs: Properties) -> Observed | None:
        if not inputs or "ref" not in outputs:
            raise PluginError(f"the image release {identifier} can't be imported; let Pulumi create it")
        digest = outputs["ref"].rpartition("@")[2]
        if not open_repository(inputs).has_manifest(digest, digest):
            return None
        return Observed(identifier, inputs, outputs)

    def update(self, change: Change, outputs: Properties, cancelled: Event) -> Properties:  # noqa: ARG002
        """Nothing changes in place; spellings that mean the same are recorded."""
        return self.preview_update(change.new, outputs)

    def delete(self, identifier: str, outputs: Properties) -> None:
        """Nothing is deleted from a registry by a replacement or a destroy."""


def _sign(publication: Publication, image: Manifest, inputs: Properties) -> None:
    """Run the hook on an image that lacks a tag. It may take long, so tags are looked at again after it.

    Another builder's image, which may be there by then, was signed by that one.
    """
    tags = (publication.plan_tag, publication.version)
    try:
        hook = signing_hook(inputs)
        if hook and not all(publication.repository.has_manifest(tag, image.digest) for tag in tags):
            hook(publication.reference_to(image))
    except CodeOpenError as error:
        raise PluginError(str(error)) from error


def _tag(publication: Publication, tag: str, image: Manifest) -> None:
    publication.repository.put_manifest(tag, image.media_type, image.content)


def _settled(publication: Publication, cancelled: Event) -> Manifest:
    """The image that counts once every builder that saw a tag absent has written it.

    A registry can't set a tag on the condition that it is absent: two builders may both find it so, and the later one
    wins. By waiting before they look again, all see the same image (Fischer's algorithm).
    """
    cancelled.wait(SETTLING_SECONDS)
    image = publication.find()
    if image is None:
        raise PluginError(
            f"{publication.repository.reference}:{publication.plan_tag} vanished while it was published; is something "
            "deleting tags? Run the update again"
        )
    return image
