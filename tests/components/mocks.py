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
    """``after`` are the names of what it waits for, by its inputs or because the program says so."""

    type: str
    name: str
    inputs: dict[str, Any]
    after: frozenset[str] = frozenset()


class Recorder(mocks.Mocks):
    def __init__(self, published: Mapping[str, str]) -> None:
        self.resources: list[Declared] = []
        self.published = published
        self.after: dict[tuple[str, str], frozenset[str]] = {}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.resources.append(Declared(args.typ, args.name, args.inputs, self.after[args.typ, args.name]))
        outputs = {**args.inputs, **_computed(args, self.published)}
        return f"{args.name}-id", outputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program calls {args.token}")


class Monitor(mocks.MockMonitor):
    """Notes what each resource waits for, which mocks aren't told."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(recorder)
        self.recorder = recorder

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        waits = frozenset(urn.rpartition("::")[2] for urn in request.dependencies)
        self.recorder.after[request.type, request.name] = waits
        return super().RegisterResource(request)  # type: ignore[no-untyped-call] # the SDK has no types there


def _computed(args: mocks.MockResourceArgs, published: Mapping[str, str]) -> dict[str, Any]:
    """What a resource's provider would add to its inputs."""
    inputs = args.inputs
    repository = inputs.get("repository", "")
    computed: dict[str, Callable[[], dict[str, Any]]] = {
        "docker-build:index:Image": lambda: {"digest": f"sha256:{args.name}"},
        "docker:index/remoteImage:RemoteImage": lambda: {"imageId": f"id-of-{inputs['name']}"},
        "codeopen:index:Credential": lambda: {"password": pulumi.Output.secret("made-once")},
        "codeopen:index:PublishedPlan": lambda: {"existing": published.get(repository.rpartition("/")[2], "")},
        "codeopen:index:ImageRelease": lambda: {"ref": f"{repository}@{inputs['digest']}", "adopted": False},
        "codeopen:index:ComposedImage": lambda: {
            "ref": f"{repository}@sha256:{args.name}",
            "method": "composed",
            "reason": "",
        },
        "codeopen:index:ImageIndex": lambda: {"ref": f"{repository}@sha256:{args.name}"},
        "codeopen:index:PublishedImage": lambda: {"ref": f"{repository}@sha256:{'5' * 64}"},
        "codeopen:index:GrantedStorage": lambda: {"gigabytes": inputs["wanted"]},
        "codeopen:index:MirroredImage": lambda: {"ref": f"{repository}@{inputs['digest']}"},
    }
    return computed.get(args.typ, dict[str, Any])()


def record(
    program: Callable[[], None], config: Mapping[str, str], published: Mapping[str, str] | None = None
) -> list[Declared]:
    """Run a program under mocks in this process and return what it declares.

    ``published`` gives the reference of the image that is published for a repository's plan already.
    """
    recorder = Recorder(published or {})
    asyncio.set_event_loop(asyncio.new_event_loop())
    settings.reset_options()
    mocks.set_mocks(recorder, project="codeopen", stack="test", preview=False, monitor=Monitor(recorder))
    pulumi.runtime.set_all_config({f"codeopen:{key}": value for key, value in config.items()})

    async def run() -> None:
        await stack.run_pulumi_func(program)

    asyncio.get_event_loop().run_until_complete(run())
    return recorder.resources
