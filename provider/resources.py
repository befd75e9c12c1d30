"""Resources of the project's own provider (tools/fallback): the typed side that programs see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pulumi


class Credential(pulumi.CustomResource):
    """A password that is made once and kept as a secret; only a replacement of the resource makes another one."""

    password: pulumi.Output[str]
    username: pulumi.Output[str]

    def __init__(self, name: str, username: str, opts: pulumi.ResourceOptions | None = None) -> None:
        properties = {"name": name, "username": username, "password": None}
        options = pulumi.ResourceOptions(additional_secret_outputs=["password"])
        super().__init__("codeopen:index:Credential", name, properties, pulumi.ResourceOptions.merge(options, opts))


@dataclass(frozen=True, slots=True)
class MirroredImageArgs:
    """``archive`` is the folder of an OCI image layout; ``repository`` names registry and repository, without a tag."""

    archive: str
    digest: str
    repository: str
    tag: str


class MirroredImage(pulumi.CustomResource):
    """An image of an OCI image layout on this machine, pushed to a registry; never deleted from there."""

    ref: pulumi.Output[str]

    def __init__(self, name: str, args: MirroredImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        properties = {**asdict(args), "ref": None}
        super().__init__("codeopen:index:MirroredImage", name, properties, opts)


@dataclass(frozen=True, slots=True)
class PlannedImageArgs:
    """An image's identity: its repository with the registry, its plan digest and its version tag."""

    repository: pulumi.Input[str]
    plan_digest: pulumi.Input[str]
    version: pulumi.Input[str]

    def properties(self) -> dict[str, Any]:
        return {
            "repository": self.repository,
            "planDigest": self.plan_digest,
            "version": self.version,
        }


class PublishedPlan(pulumi.CustomResource):
    """Whether an image for a plan is published already: ``existing`` is its reference, or empty.

    Fails when the version is released with another plan: a released tag never moves.
    """

    existing: pulumi.Output[str]

    def __init__(self, name: str, args: PlannedImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        properties = {**args.properties(), "existing": None, "planTag": None}
        super().__init__("codeopen:index:PublishedPlan", name, properties, opts)


class ImageRelease(pulumi.CustomResource):
    """Publishes an image under its plan and its version; ``ref`` is the first one that was published for the plan."""

    ref: pulumi.Output[str]
    adopted: pulumi.Output[bool]

    def __init__(
        self,
        name: str,
        args: PlannedImageArgs,
        digest: pulumi.Input[str],
        before_tag: str = "",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {**args.properties(), "digest": digest, **_signing(before_tag)}
        properties = {**inputs, "ref": None, "adopted": None, "tag": None}
        super().__init__("codeopen:index:ImageRelease", name, properties, opts)


class ProcessLimit(pulumi.CustomResource):
    """The most processes that a container may have at once; pulumi-docker's Container has no property for it."""

    def __init__(
        self, name: str, container: pulumi.Input[str], limit: int, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("codeopen:index:ProcessLimit", name, {"container": container, "limit": limit}, opts)


class PublishedImage(pulumi.CustomResource):
    """The image of a plan that was built elsewhere; fails where it isn't published. Nothing is built or deleted."""

    ref: pulumi.Output[str]

    def __init__(
        self, name: str, repository: str, plan_digest: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        properties = {"repository": repository, "planDigest": plan_digest, "ref": None}
        super().__init__("codeopen:index:PublishedImage", name, properties, opts)


@dataclass(frozen=True, slots=True)
class GrantedStorageArgs:
    """``claim`` is the ``NAMESPACE/NAME`` of the disk's claim, in the cluster of ``kubeconfig`` and ``context``."""

    project: str
    wanted: int
    claim: str
    kubeconfig: str
    context: str

    def properties(self) -> dict[str, Any]:
        # A kubeconfig may be given by its content, which has keys in it.
        kubeconfig = pulumi.Output.secret(self.kubeconfig) if self.kubeconfig else None
        return {**asdict(self), "kubeconfig": kubeconfig, "context": self.context or None}


class GrantedStorage(pulumi.CustomResource):
    """The size of a project's disk in decimal gigabytes: the most that it ever had, since volumes never shrink."""

    gigabytes: pulumi.Output[int]

    def __init__(self, name: str, args: GrantedStorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        properties = {**args.properties(), "gigabytes": None}
        super().__init__("codeopen:index:GrantedStorage", name, properties, opts)


@dataclass(frozen=True, slots=True)
class ComposedPart:
    """A part of a combination: its name, plan digest and image, and what building it on another image takes."""

    name: str
    plan_digest: str
    reference: pulumi.Input[str]
    context: str
    named_contexts: Mapping[str, pulumi.Input[str]]
    build_arguments: Mapping[str, str]
    labels: Mapping[str, str]

    def properties(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "planDigest": self.plan_digest,
            "reference": self.reference,
            "context": self.context,
            "namedContexts": dict(self.named_contexts),
            "buildArguments": dict(self.build_arguments),
            "labels": dict(self.labels),
        }


@dataclass(frozen=True, slots=True)
class ComposedImageArgs:
    """``parts`` are the flavor and then add-ons in layer order; ``builder`` makes chains where parts don't compose."""

    repository: str
    version: str
    plan_digest: str
    platform: str
    base: pulumi.Input[str]
    parts: Sequence[ComposedPart]
    builder: str
    before_tag: str = ""


class ComposedImage(pulumi.CustomResource):
    """The image of a combination. ``method`` is ``composed`` or ``chained``, ``reason`` says why."""

    ref: pulumi.Output[str]
    method: pulumi.Output[str]
    reason: pulumi.Output[str]
    adopted: pulumi.Output[bool]

    def __init__(self, name: str, args: ComposedImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        properties = {
            "repository": args.repository,
            "version": args.version,
            "planDigest": args.plan_digest,
            "platform": args.platform,
            "base": args.base,
            "parts": [part.properties() for part in args.parts],
            "builder": args.builder,
            **_signing(args.before_tag),
            **dict.fromkeys(("ref", "method", "reason", "adopted")),
        }
        super().__init__("codeopen:index:ComposedImage", name, properties, opts)


@dataclass(frozen=True, slots=True)
class ImageIndexArgs:
    """``images`` are the references of one repository's images by platform."""

    repository: str
    version: str
    plan_digest: str
    images: Mapping[str, pulumi.Input[str]]
    before_tag: str = ""


class ImageIndex(pulumi.CustomResource):
    """The index of one repository's images for several platforms."""

    ref: pulumi.Output[str]

    def __init__(self, name: str, args: ImageIndexArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        properties = {
            "repository": args.repository,
            "version": args.version,
            "planDigest": args.plan_digest,
            "images": [{"platform": platform, "reference": ref} for platform, ref in sorted(args.images.items())],
            **_signing(args.before_tag),
            "ref": None,
        }
        super().__init__("codeopen:index:ImageIndex", name, properties, opts)


def _signing(before_tag: str) -> dict[str, str]:
    """The property of a command that signs; without one it stays out of states."""
    return {"beforeTag": before_tag} if before_tag else {}
