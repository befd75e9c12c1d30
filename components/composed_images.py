"""The images of combinations: one resource each, composed from parts, or chained where parts refuse each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pulumi

from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.labels import image_labels
from codeopen.model.plan.parts import BASE, PartId
from codeopen.model.plan.plan import PlannedCombination, PlannedPart
from codeopen.model.plan.platforms import architecture, platform_version
from components.part_images import BuildArgs, PartImages, named_contexts
from provider.resources import ComposedImage, ComposedImageArgs, ComposedPart


class ComposedImages(pulumi.ComponentResource):
    """One image for each combination and platform, after the images of all its parts.

    Whatever the gate's verdicts are, the resources are the same: a verdict shows as an output.
    """

    images: Mapping[tuple[Combination, str], ComposedImage]

    def __init__(
        self,
        name: str,
        combinations: Iterable[PlannedCombination],
        parts: tuple[Mapping[PartId, PlannedPart], PartImages],
        args: BuildArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("codeopen:build:ComposedImages", name, {}, opts)
        planned_parts, part_images = parts
        images: dict[tuple[Combination, str], ComposedImage] = {}
        for planned in combinations:
            for platform, plan_digest in planned.digests.items():
                image = ComposedImageArgs(
                    repository=str(planned.image).rpartition(":")[0],
                    version=platform_version(args.version, args.platforms, platform),
                    plan_digest=plan_digest,
                    platform=platform,
                    base=part_images.images[BASE, platform].reference,
                    parts=[_part(planned_parts, part_images, part, platform, args) for part in planned.parts],
                    builder=args.builder,
                    before_tag=args.before_tag,
                )
                words = f"{planned.image.repository.removeprefix('codeopen-')}-{architecture(platform)}"
                child = pulumi.ResourceOptions(parent=self)
                images[planned.combination, platform] = ComposedImage(f"{name}-{words}", image, child)
        self.images = images
        self.register_outputs({})


def _part(
    planned_parts: Mapping[PartId, PlannedPart], images: PartImages, part: PartId, platform: str, args: BuildArgs
) -> ComposedPart:
    planned = planned_parts[part]
    return ComposedPart(
        name=str(part),
        plan_digest=planned.digests[platform],
        reference=images.images[part, platform].reference,
        context=args.contexts[part],
        # An add-on's only; a flavor is the first of its chain, and never built on another.
        named_contexts=named_contexts(args, planned, platform, {}),
        build_arguments=dict(planned.inputs[platform].build_arguments),
        labels=image_labels(planned, platform, planned_parts, args.notes),
    )
