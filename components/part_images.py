"""The images of parts, built by BuildKit and pushed to the stack's registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_docker_build as docker_build

from codeopen.plan.parts import PartId
from codeopen.plan.plan import PlannedPart


@dataclass(frozen=True, slots=True)
class PartImagesArgs:
    """``upstreams`` gives the location of each upstream's build context, ``contexts`` the folder of each part's own.

    ``contexts`` are relative to the project: the provider compares them as text.
    """

    parts: tuple[PlannedPart, ...]
    contexts: Mapping[PartId, str]
    upstreams: Mapping[str, pulumi.Input[str]]
    builder: str
    version: str


class PartImages(pulumi.ComponentResource):
    """One image for each buildable part and platform, each after the part that it is built on.

    ``references`` gives ``repository@digest`` by part and platform.
    """

    references: Mapping[tuple[PartId, str], pulumi.Output[str]]

    def __init__(self, name: str, args: PartImagesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeopen:build:PartImages", name, {}, opts)
        references: dict[tuple[PartId, str], pulumi.Output[str]] = {}
        for planned in args.parts:
            for platform in planned.digests:
                parent = planned.part.parent
                base = references[parent, platform] if parent is not None else None
                references[planned.part.id, platform] = self._build(name, args, planned, platform, base)
        self.references = references
        self.register_outputs({})

    def _build(
        self, name: str, args: PartImagesArgs, planned: PlannedPart, platform: str, base: pulumi.Output[str] | None
    ) -> pulumi.Output[str]:
        context = args.contexts[planned.part.id]
        image = docker_build.Image(
            f"{name}-{planned.part.id}-{platform.removeprefix('linux/').replace('/', '-')}",
            builder=docker_build.BuilderConfigArgs(name=args.builder),
            context=docker_build.BuildContextArgs(location=context, named=_named_contexts(args, planned, base)),
            dockerfile=docker_build.DockerfileArgs(location=f"{context}/Dockerfile"),
            build_args=dict(planned.inputs[platform].build_arguments),
            labels=_labels(planned, platform, args.version),
            platforms=[docker_build.Platform(platform)],
            tags=[planned.reference],
            push=True,
            # Its default builds every image during a preview.
            build_on_preview=False,
            # Without it the provider deletes the digest from the registry, though projects may run it.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        repository = planned.reference.rpartition(":")[0]
        return image.digest.apply(lambda digest: f"{repository}@{digest}")


def _named_contexts(
    args: PartImagesArgs, planned: PlannedPart, base: pulumi.Output[str] | None
) -> dict[str, docker_build.ContextArgs]:
    named: dict[str, pulumi.Input[str]] = {
        upstream: args.upstreams[upstream] for upstream in planned.part.upstreams if upstream in args.upstreams
    }
    if base is not None:
        named["base"] = base.apply(lambda reference: f"docker-image://{reference}")
    return {upstream: docker_build.ContextArgs(location=location) for upstream, location in named.items()}


def _labels(planned: PlannedPart, platform: str, version: str) -> dict[str, str]:
    """OCI annotations as labels, the plan digest, and the versions of the upstreams as this stack has them."""
    labels = {
        "org.opencontainers.image.title": planned.part.repository,
        "org.opencontainers.image.version": version,
        "dev.codeopen.plan-digest": planned.digests[platform],
    }
    for pin in planned.inputs[platform].upstreams:
        labels[f"dev.codeopen.upstream.{pin.id}"] = pin.version
    return labels
