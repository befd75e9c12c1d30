"""One name for an image's platforms: an index of each image of a stack that has several platforms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from codeopen.model.plan.digest import index_digest
from components.part_images import BuildArgs
from provider.resources import ImageIndex, ImageIndexArgs


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
        args: BuildArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("codeopen:build:ImageIndexes", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.indexes = {key: ImageIndex(f"{name}-{key}", _index(each, args), child) for key, each in images.items()}
        self.register_outputs({})


def _index(images: PlatformImages, args: BuildArgs) -> ImageIndexArgs:
    plan_digest = index_digest(images.plan_digests)
    return ImageIndexArgs(images.repository, args.version, plan_digest, images.references, args.before_tag)
