"""One name for an image's platforms: an index of each image of a stack that has several platforms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from codeopen.plan.digest import index_digest
from components.custom import ImageIndex


@dataclass(frozen=True, slots=True)
class PlatformImages:
    """The images of one repository by platform, with their plan digests."""

    repository: str
    plan_digests: Mapping[str, str]
    references: Mapping[str, pulumi.Input[str]]


class ImageIndexes(pulumi.ComponentResource):
    """One index for each image, under the stack's version. ``indexes`` are by the images' names."""

    indexes: Mapping[str, ImageIndex]

    def __init__(
        self,
        name: str,
        images: Mapping[str, PlatformImages],
        version: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("codeopen:build:ImageIndexes", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.indexes = {
            key: ImageIndex(f"{name}-{key}", each.repository, version, _entries(each), child)
            for key, each in images.items()
        }
        self.register_outputs({})


def _entries(images: PlatformImages) -> tuple[str, Sequence[Mapping[str, pulumi.Input[str]]]]:
    """The plan digest of the index, and its images."""
    entries = [{"platform": platform, "reference": ref} for platform, ref in sorted(images.references.items())]
    return index_digest(images.plan_digests), entries
