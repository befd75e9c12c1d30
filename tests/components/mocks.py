"""Recording mocks of the engine: every resource that a program declares, in order, with its inputs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.runtime import mocks, settings, stack


@dataclass(frozen=True, slots=True)
class Declared:
    type: str
    name: str
    inputs: dict[str, Any]


class Recorder(mocks.Mocks):
    def __init__(self, published: Mapping[str, str]) -> None:
        self.resources: list[Declared] = []
        self.published = published

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.resources.append(Declared(args.typ, args.name, args.inputs))
        outputs = dict(args.inputs)
        if args.typ == "docker-build:index:Image":
            outputs["digest"] = f"sha256:{args.name}"
        if args.typ == "docker:index/remoteImage:RemoteImage":
            outputs["imageId"] = f"id-of-{args.inputs['name']}"
        if args.typ == "codeopen:index:Credential":
            outputs["password"] = pulumi.Output.secret("made-once")
        if args.typ == "codeopen:index:PublishedPlan":
            outputs["existing"] = self.published.get(args.inputs["repository"].rpartition("/")[2], "")
        if args.typ == "codeopen:index:ImageRelease":
            outputs |= {"ref": f"{args.inputs['repository']}@{args.inputs['digest']}", "adopted": False}
        if args.typ == "codeopen:index:ComposedImage":
            ref = f"{args.inputs['repository']}@sha256:{args.name}"
            outputs |= {"ref": ref, "method": "composed", "reason": ""}
        if args.typ == "codeopen:index:ImageIndex":
            outputs["ref"] = f"{args.inputs['repository']}@sha256:{args.name}"
        if args.typ == "codeopen:index:MirroredImage":
            outputs["ref"] = f"{args.inputs['repository']}@{args.inputs['digest']}"
        return f"{args.name}-id", outputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program calls {args.token}")


def record(
    program: Callable[[], None], config: Mapping[str, str], published: Mapping[str, str] | None = None
) -> list[Declared]:
    """Run a program under mocks in this process and return what it declares.

    ``published`` gives the reference of the image that is published for a repository's plan already.
    """
    recorder = Recorder(published or {})
    asyncio.set_event_loop(asyncio.new_event_loop())
    settings.reset_options()
    mocks.set_mocks(recorder, project="codeopen", stack="test", preview=False)
    pulumi.runtime.set_all_config({f"codeopen:{key}": value for key, value in config.items()})

    async def run() -> None:
        await stack.run_pulumi_func(program)

    asyncio.get_event_loop().run_until_complete(run())
    return recorder.resources
