"""The images of parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import pulumi

from codeopen.model.plan.labels import image_labels
from codeopen.model.plan.parts import PartId
from codeopen.model.plan.plan import PlannedPart
from codeopen.model.plan.platforms import architecture, platform_version
from components.built_image import BuiltImage, BuiltImageArgs


@dataclass(frozen=True, slots=True)
class BuildArgs:
    """What all builds of a stack share.

    ``upstreams`` gives the location of each upstream's build context, ``contexts`` the folder of each part's own;
    ``stand_ins`` are the locations of built substitutes, by platform and upstream; ``notes`` say what stands in.
    ``platforms`` are the stack's; ``before_tag`` is the command that signs an image.
    """

    contexts: Mapping[PartId, str]
    upstreams: Mapping[str, pulumi.Input[str]]
    builder: str
    version: str
    platforms: tuple[str, ...]
    stand_ins: Mapping[str, Mapping[str, pulumi.Input[str]]] = field(default_factory=lambda: MappingProxyType({}))
    notes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    before_tag: str = ""


class PartImages(pulumi.ComponentResource):
    """One image for each buildable part and platform, each after the part that it is built on."""

    images: Mapping[tuple[PartId, str], BuiltImage]

    def __init__(
        self,
        name: str,
        parts: Iterable[PlannedPart],
        args: BuildArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("codeopen:build:PartImages", name, {}, opts)
        images: dict[tuple[PartId, str], BuiltImage] = {}
        by_id: dict[PartId, PlannedPart] = {}
        for planned in parts:
            by_id[planned.part.id] = planned
            for platform, plan_digest in planned.digests.items():
                parents = {part: images[part, platform] for part in planned.part.builds_on}
                named = named_contexts(args, planned, platform, parents)
                image = BuiltImageArgs(
                    repository=planned.reference.rpartition(":")[0],
                    version=platform_version(args.version, args.platforms, platform),
                    plan_digest=plan_digest,
                    platform=platform,
                    context=args.contexts[planned.part.id],
                    named_contexts=named,
                    build_arguments=dict(planned.inputs[platform].build_arguments),
                    labels=image_labels(planned, platform, by_id, args.notes),
                    builder=args.builder,
                    before_tag=args.before_tag,
                )
                resource_name = f"{name}-{planned.part.id}-{architecture(platform)}"
                images[planned.part.id, platform] = BuiltImage(
                    resource_name, image, pulumi.ResourceOptions(parent=self)
                )
        self.images = images
        self.register_outputs({})


def named_contexts(
    args: BuildArgs, planned: PlannedPart, platform: str, parts: Mapping[PartId, BuiltImage]
) -> dict[str, pulumi.Input[str]]:
    """The named build contexts of a part: its upstreams, and under their ids the parts that it is built on."""
    locations = {**args.upstreams, **args.stand_ins.get(platform, {})}
    named = {upstream: locations[upstream] for upstream in planned.part.upstreams if upstream in locations}
    for part, image in parts.items():
        named[str(part)] = image.reference.apply(lambda reference: f"docker-image://{reference}")
    return named
