"""Stand-ins for upstream images, pushed to the stack's registry so that its builder can use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pulumi

from codeopen.environment.mirror import MirroredUpstream
from provider.resources import MirroredImage, MirroredImageArgs


@dataclass(frozen=True, slots=True)
class UpstreamMirrorArgs:
    """``upstreams`` by id; ``prefix`` is the registry and owner of the repositories, as ``localhost:5000/codeopen``."""

    prefix: str
    upstreams: Mapping[str, MirroredUpstream]


class UpstreamMirror(pulumi.ComponentResource):
    """One repository ``codeopen-upstream-<id>`` for each stand-in; ``references`` gives them by upstream id."""

    references: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, args: UpstreamMirrorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeopen:local:UpstreamMirror", name, {}, opts)
        references = {}
        for upstream_id, upstream in args.upstreams.items():
            image_args = MirroredImageArgs(
                archive=str(upstream.layout),
                digest=upstream.digest,
                repository=f"{args.prefix}/codeopen-upstream-{upstream_id}",
                tag=upstream.version,
            )
            image = MirroredImage(f"{name}-{upstream_id}", image_args, pulumi.ResourceOptions(parent=self))
            references[upstream_id] = image.ref
        self.references = MappingProxyType(references)
        self.register_outputs({})
