"""The images of substitutes: build contexts in the place of upstreams that a stack can't reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pulumi

from codeopen.model.plan.labels import image_labels
from codeopen.model.plan.plan import PlannedPart
from components.built_image import BuiltImage, BuiltImageArgs
from components.part_images import BuildArgs


class SubstituteImages(pulumi.ComponentResource):
    """One image for each substitute and platform, each after those that it uses itself.

    ``locations`` gives, by platform and upstream, the build context as BuildKit takes it.
    """

    locations: Mapping[str, Mapping[str, pulumi.Output[str]]]

    def __init__(
        self,
        name: str,
        substitutes: Iterable[PlannedPart],
        args: BuildArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("codeopen:build:SubstituteImages", name, {}, opts)
        locations: dict[str, dict[str, pulumi.Output[str]]] = {}
        for planned in substitutes:
            for platform, plan_digest in planned.digests.items():
                made = locations.setdefault(platform, {})
                contexts = {**args.upstreams, **made}
                image = BuiltImageArgs(
                    repository=planned.reference.rpartition(":")[0],
                    version=args.version,
                    plan_digest=plan_digest,
                    platform=platform,
                    context=args.contexts[planned.part.id],
                    named_contexts={used: contexts[used] for used in planned.part.upstreams if used in contexts},
                    build_arguments=dict(planned.inputs[platform].build_arguments),
                    labels=image_labels(planned, platform, {}, args.notes),
                    builder=args.builder,
                    before_tag=args.before_tag,
                )
                words = f"{planned.part.id.id}-{platform.removeprefix('linux/').replace('/', '-')}"
                built = BuiltImage(f"{name}-{words}", image, pulumi.ResourceOptions(parent=self))
                made[planned.part.id.id] = built.reference.apply(lambda reference: f"docker-image://{reference}")
        self.locations = locations
        self.register_outputs({})
