"""``codeopen:index:PublishedPlan``: whether an image for a plan is published, looked up before it would be built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Event
from typing import ClassVar, Final

from codeopen.model.plan.digest import plan_tag
from provider.common import DIGEST, INSECURE, REPOSITORY, VERSION, open_repository
from provider.protocol.errors import PluginError
from provider.protocol.properties import Property
from provider.protocol.resource import Change, Observed, ResourceType, Stored
from provider.protocol.values import UNKNOWN, Properties, is_known
from provider.publication import ReleasedError, open_publication

PREVIEW_SECONDS: Final = 1.0
"""How long a preview waits for a registry: there may be none yet."""


class PublishedPlan(ResourceType):
    """The image that is published for a plan: ``existing`` is its ``repository@digest``, or empty.

    It is the image under the tag ``version`` if that one bears the plan in its label ``dev.codeopen.plan-digest``,
    else the one under ``planTag``: ``plan-`` and the first 32 digits of the plan digest. A ``version`` that is released
    (all but SemVer's pre-releases) with another plan is an error, which a preview shows as a warning if the registry
    answers within a second. The registry may take 30 s to start. A refresh forgets what the registry no longer has, so
    that the next update looks again. Deleting this deletes nothing.
    """

    token: ClassVar[str] = "codeopen:index:PublishedPlan"  # noqa: S105 - a type token, not a secret
    table: ClassVar[Mapping[str, Property]] = {
        "repository": REPOSITORY,
        "planDigest": DIGEST,
        "version": VERSION,
        "insecure": INSECURE,
    }
    computed: ClassVar[tuple[str, ...]] = ("existing", "planTag")

    def __init__(self, warn_person: Callable[[str], None]) -> None:
        self._warn_person = warn_person

    def preview(self, inputs: Properties) -> Properties:
        """What exists stays unknown: it may be published between a preview and its update."""
        if is_known(inputs):
            self._warn_of_a_moving_release(inputs)
        plan = inputs["planDigest"]
        return {**inputs, "existing": UNKNOWN, "planTag": UNKNOWN if plan is UNKNOWN else plan_tag(plan)}

    def _warn_of_a_moving_release(self, inputs: Properties) -> None:
        publication = open_publication(inputs, PREVIEW_SECONDS)
        try:
            publication.find()
        except ReleasedError as error:
            self._warn_person(str(error))
        except PluginError:  # no registry yet, or one that is out of order: creating says so
            return

    def create(self, inputs: Properties, cancelled: Event) -> Stored:  # noqa: ARG002
        publication = open_publication(inputs)
        publication.repository.wait_until_answering()
        image = publication.find()
        existing = "" if image is None else publication.reference_to(image)
        tag = publication.plan_tag
        return Stored(f"{inputs['repository']}:{tag}", {**inputs, "existing": existing, "planTag": tag})

    def read(self, identifier: str, inputs: Properties, outputs: Properties) -> Observed | None:
        """Where nothing existed, the image that was published since stands for it."""
        if not inputs or "existing" not in outputs:
            raise PluginError(f"the published plan {identifier} can't be imported; let Pulumi create it")
        reference = outputs["existing"].rpartition("@")[2] or outputs["planTag"]
        if open_repository(inputs).manifest(reference) is None:
            return None
        return Observed(identifier, inputs, outputs)

    def update(self, change: Change, outputs: Properties, cancelled: Event) -> Properties:  # noqa: ARG002
        """Nothing changes in place; spellings that mean the same are recorded."""
        return self.preview_update(change.new, outputs)

    def delete(self, identifier: str, outputs: Properties) -> None:
        """Nothing is deleted from a registry by a replacement or a destroy."""
