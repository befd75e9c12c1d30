"""The images of parts, and of combinations that are chained from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pulumi

from codeopen.plan.chains import ChainLink
from codeopen.plan.combinations import Combination
from codeopen.plan.digest import UpstreamPin
from codeopen.plan.parts import PartId, PartKind
from codeopen.plan.plan import PlannedPart
from components.built_image import BuiltImage, BuiltImageArgs


@dataclass(frozen=True, slots=True)
class BuildArgs:
    """What all builds of a stack share.

    ``upstreams`` gives the location of each upstream's build context, ``contexts`` the folder of each part's own.
    """

    contexts: Mapping[PartId, str]
    upstreams: Mapping[str, pulumi.Input[str]]
    builder: str
    version: str


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
        for planned in parts:
            for platform, plan_digest in planned.digests.items():
                parent = planned.part.parent
                image = BuiltImageArgs(
                    repository=planned.reference.rpartition(":")[0],
                    version=args.version,
                    plan_digest=plan_digest,
                    platform=platform,
                    context=args.contexts[planned.part.id],
                    named_contexts=_named_contexts(args, planned, images[parent, platform] if parent else None),
                    build_arguments=dict(planned.inputs[platform].build_arguments),
                    labels=_labels(planned.part.repository, args.version, planned.inputs[platform].upstreams),
                    builder=args.builder,
                )
                resource_name = f"{name}-{planned.part.id}-{_architecture(platform)}"
                images[planned.part.id, platform] = BuiltImage(
                    resource_name, image, pulumi.ResourceOptions(parent=self)
                )
        self.images = images
        self.register_outputs({})


class CombinationImages(pulumi.ComponentResource):
    """One image for each link of the chains and platform: an add-on's Dockerfile on the image before it."""

    images: Mapping[tuple[Combination, str], BuiltImage]

    def __init__(
        self,
        name: str,
        links: Iterable[ChainLink],
        parts: tuple[Mapping[PartId, PlannedPart], PartImages],
        args: BuildArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("codeopen:build:CombinationImages", name, {}, opts)
        planned_parts, part_images = parts
        images: dict[tuple[Combination, str], BuiltImage] = {}
        for link in links:
            addon = planned_parts[link.addon]
            for platform, plan_digest in link.planned.digests.items():
                if link.parent.addons:
                    base = images[link.parent, platform]
                else:
                    base = part_images.images[PartId(PartKind.FLAVOR, link.parent.flavor), platform]
                repository = str(link.planned.image).rpartition(":")[0]
                image = BuiltImageArgs(
                    repository=repository,
                    version=args.version,
                    plan_digest=plan_digest,
                    platform=platform,
                    context=args.contexts[link.addon],
                    named_contexts=_named_contexts(args, addon, base),
                    build_arguments=dict(addon.inputs[platform].build_arguments),
                    labels=_labels(repository.rpartition("/")[2], args.version, addon.inputs[platform].upstreams),
                    builder=args.builder,
                )
                words = repository.rpartition("/")[2].removeprefix("codeopen-")
                images[link.planned.combination, platform] = BuiltImage(
                    f"{name}-{words}-{_architecture(platform)}", image, pulumi.ResourceOptions(parent=self)
                )
        self.images = images
        self.register_outputs({})


def _named_contexts(args: BuildArgs, planned: PlannedPart, base: BuiltImage | None) -> dict[str, pulumi.Input[str]]:
    named: dict[str, pulumi.Input[str]] = {
        upstream: args.upstreams[upstream] for upstream in planned.part.upstreams if upstream in args.upstreams
    }
    if base is not None:
        named["base"] = base.reference.apply(lambda reference: f"docker-image://{reference}")
    return named


def _labels(title: str, version: str, upstreams: Iterable[UpstreamPin]) -> dict[str, str]:
    """OCI annotations as labels, and the versions of the part's upstreams as this stack has them."""
    labels = {"org.opencontainers.image.title": title, "org.opencontainers.image.version": version}
    return labels | {f"dev.codeopen.upstream.{pin.id}": pin.version for pin in upstreams}


def _architecture(platform: str) -> str:
    return platform.removeprefix("linux/").replace("/", "-")
