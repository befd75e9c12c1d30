"""An image with an identity: built once for a plan, and found again by everyone who asks for the same plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_docker_build as docker_build

from codeopen.model.plan.exporting import image_export
from provider.resources import ImageRelease, PlannedImageArgs, PublishedPlan


@dataclass(frozen=True, slots=True)
class BuiltImageArgs:
    """What is built and under which names.

    ``context`` is the build context's folder, relative to the project because the provider compares it as text;
    ``named_contexts`` are locations as BuildKit takes them; ``repository`` names the registry too, without a tag.
    ``before_tag`` is the command that signs it.
    """

    repository: str
    version: str
    plan_digest: str
    platform: str
    context: str
    named_contexts: Mapping[str, pulumi.Input[str]]
    build_arguments: Mapping[str, str]
    labels: Mapping[str, str]
    builder: str
    before_tag: str = ""


class BuiltImage(pulumi.ComponentResource):
    """Looks the plan up, builds what is missing, publishes it. ``reference`` is ``repository@digest``.

    Where an image for the plan is published already, the build is one empty step on top of it that goes nowhere, and
    the published image is adopted.
    """

    reference: pulumi.Output[str]
    adopted: pulumi.Output[bool]

    def __init__(self, name: str, args: BuiltImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeopen:build:Image", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        identity = PlannedImageArgs(args.repository, args.plan_digest, args.version)
        plan = PublishedPlan(f"{name}-plan", identity, child)
        image = self._build(name, args, plan.existing)
        digest = pulumi.Output.all(plan.existing, image.digest).apply(
            lambda values: str(values[0]).rpartition("@")[2] or str(values[1])
        )
        release = ImageRelease(f"{name}-release", identity, digest, args.before_tag, child)
        self.reference = release.ref
        self.adopted = pulumi.Output.all(plan.existing, release.adopted).apply(lambda values: any(map(bool, values)))
        self.register_outputs({})

    def _build(self, name: str, args: BuiltImageArgs, existing: pulumi.Output[str]) -> docker_build.Image:
        named = {key: docker_build.ContextArgs(location=location) for key, location in args.named_contexts.items()}
        return docker_build.Image(
            f"{name}-build",
            builder=docker_build.BuilderConfigArgs(name=args.builder),
            context=docker_build.BuildContextArgs(location=args.context, named=named),
            dockerfile=existing.apply(lambda found: _dockerfile(found, args.context)),
            build_args=dict(args.build_arguments),
            labels=dict(args.labels),
            platforms=[docker_build.Platform(args.platform)],
            exports=existing.apply(lambda found: _exports(found, args.repository)),
            push=False,
            # Its default builds every image during a preview.
            build_on_preview=False,
            # Without it the provider deletes the digest from the registry, though projects may run it.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )


def _dockerfile(existing: str, context: str) -> Any:
    if existing:
        return docker_build.DockerfileArgs(inline=f"FROM {existing}\n")
    return docker_build.DockerfileArgs(location=f"{context}/Dockerfile")


def _exports(existing: str, repository: str) -> Any:
    if existing:
        nowhere = docker_build.ExportCacheOnlyArgs()  # type: ignore[no-untyped-call]  # the SDK leaves it without types
        return [docker_build.ExportArgs(cacheonly=nowhere)]
    # In BuildKit's own words: the provider has none for its times.
    return [docker_build.ExportArgs(raw=image_export(repository))]
