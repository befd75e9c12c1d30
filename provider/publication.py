"""How images are published by plan: under which tags, which of these may move, and which image counts.

A plan digest says before a build what an image will be made of; the image bears it as a label. The first image that is
published for a plan is that plan's image for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from codeopen.model.plan.digest import PLAN_LABEL, plan_tag
from codeopen.model.selection.version import is_released, next_pre_release
from provider.common import open_repository
from provider.manifest import Manifest
from provider.protocol.errors import PluginError
from provider.protocol.values import Value
from provider.registry import TRANSFER_SECONDS, Repository

_SHOWN_DIGITS: Final = 12


class ReleasedError(PluginError):
    """A version is released with another plan's image, and a released version never moves."""


@dataclass(frozen=True, slots=True)
class Publication:
    """One plan under one version, in one repository."""

    repository: Repository
    plan: str
    version: str

    @property
    def plan_tag(self) -> str:
        """The tag of the plan's image; it never moves."""
        return plan_tag(self.plan)

    def find(self) -> Manifest | None:
        """The image that is published for the plan: under the version if that one is of the plan, else the plan's tag.

        Raises ReleasedError when the version is released with another plan, PluginError when the registry can't tell.
        """
        image = self.repository.manifest(self.version)
        if image is not None:
            plan = self.repository.labels(image).get(PLAN_LABEL, "")
            if plan == self.plan:
                return image
            if is_released(self.version):
                raise ReleasedError(self._released_with(plan))
        return self.repository.manifest(self.plan_tag)

    def reference_to(self, image: Manifest) -> str:
        return f"{self.repository.reference}@{image.digest}"

    def _released_with(self, plan: str) -> str:
        return (
            f"{self.repository.reference}:{self.version} is released with {_shown(plan)} and never moves, but what is "
            f"to be published has {_shown(self.plan)}: bump VERSION (or set codeopen:imageVersion to a pre-release "
            f"such as {next_pre_release(self.version)})"
        )


def open_publication(inputs: Mapping[str, Value], seconds: float = TRANSFER_SECONDS) -> Publication:
    """The publication that a resource's inputs describe."""
    return Publication(open_repository(inputs, seconds), str(inputs["planDigest"]), str(inputs["version"]))


def _shown(plan: str) -> str:
    return f"plan {plan.partition(':')[2][:_SHOWN_DIGITS]}" if plan else "an image that names no plan"
