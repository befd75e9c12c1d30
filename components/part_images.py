"""The images of parts, and of combinations that are chained from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import pulumi

from codeopen.plan.chains import ChainLink
from codeopen.plan.combinations import Combination
from codeopen.plan.digest import UpstreamPin
from codeopen.plan.parts import BASE, PartId, PartKind
from codeopen.plan.plan import PlannedPart
from components.built_image import BuiltImage, BuiltImageArgs


@dataclass(frozen=True, slots=True)
class BuildArgs:
    """What all builds of a stack share.

    ``upstreams`` gives the location of each upstream's build context, ``contexts`` the folder of each part's own;
    ``stand_ins`` are the locations of built substitutes, by platform and upstream; ``notes`` say what stands in.
    """

    contexts: Mapping[PartId, str]
    upstreams: Mapping[str, pulumi.Input[str]]
    builder: str
    version: str
    stand_ins: Mapping[str, Mapping[str, pulumi.Input[str]]] = field(default_factory=lambda: MappingProxyType({}))
    notes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


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
                named = _named_contexts(args, planned, platform, parents)
                image = BuiltImageArgs(
                    repository=planned.reference.rpartition(":")[0],
                    version=args.version,
                    plan_digest=plan_digest,
                    platform=platform,
                    context=args.contexts[planned.part.id],
                    named_contexts=named,
                    build_arguments=dict(planned.inputs[platform].build_arguments),
                    labels=_labels(planned.part.repository, args, _upstreams(planned, by_id)),
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
                    named_contexts=_named_contexts(args, addon, platform, {BASE: base}),
                    build_arguments=dict(addon.inputs[platform].build_arguments),
                    labels=_labels(repository.rpartition("/")[2], args, addon.inputs[platform].upstreams),
                    builder=args.builder,
                )
                words = repository.rpartition("/")[2].removeprefix("codeopen-")
                images[link.planned.combination, platform] = BuiltImage(
                    f"{name}-{words}-{_architecture(platform)}", image, pulumi.ResourceOptions(parent=self)
                )
        self.images = images
        self.register_outputs({})


def _named_contexts(
    args: BuildArgs, planned: PlannedPart, platform: str, parts: Mapping[PartId, BuiltImage]
) -> dict[str, pulumi.Input[str]]:
    """The named build contexts of a part: its upstreams, and under their ids the parts that it is built on."""
    locations = {**args.upstreams, **args.stand_ins.get(platform, {})}
    named = {upstream: locations[upstream] for upstream in planned.part.upstreams if upstream in locations}
    for part, image in parts.items():
        named[str(part)] = image.reference.apply(lambda reference: f"docker-image://{reference}")
    return named


def _upstreams(planned: PlannedPart, by_id: Mapping[PartId, PlannedPart]) -> list[UpstreamPin]:
    """A part's upstreams with those of the parts that it takes from, whose labels it does not inherit."""
    taken = (pin for part in planned.part.takes for pin in _upstreams(by_id[part], by_id))
    return sorted({*planned.upstreams, *taken})


def _labels(title: str, args: BuildArgs, upstreams: Iterable[UpstreamPin]) -> dict[str, str]:
    """OCI annotations as labels, the versions of the part's upstreams in this stack, and what stands in for them."""
    labels = {"org.opencontainers.image.title": title, "org.opencontainers.image.version": args.version}
    for pin in upstreams:
        labels[f"dev.codeopen.upstream.{pin.id}"] = pin.version
        if pin.id in args.notes:
            labels[f"dev.codeopen.substitute.{pin.id}"] = args.notes[pin.id]
    return labels


def _architecture(platform: str) -> str:
    return platform.removeprefix("linux/").replace("/", "-")
