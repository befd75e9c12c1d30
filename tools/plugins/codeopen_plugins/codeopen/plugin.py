"""The plugin ``pulumi-resource-codeopen``: its resource types, version and configuration (it has none)."""

from __future__ import annotations

from functools import partial

from pulumi.runtime.proto import provider_pb2_grpc

from codeopen_plugins.codeopen.credential import Credential
from codeopen_plugins.codeopen.mirrored_image import MirroredImage
from codeopen_plugins.provider import About, ResourceProvider
from codeopen_plugins.server import serve

VERSION = "1.0.0"
LABEL = "the codeopen plugin"


def build_provider() -> ResourceProvider:
    """The provider with all its resource types; a new type is one more entry here."""
    about = About(LABEL, VERSION, settings={}, shares_namespace=True)
    return ResourceProvider(about, (Credential(), MirroredImage()), lambda _: None)


def run(engine_address: str) -> None:  # noqa: ARG001 - this provider has nothing to tell the engine by itself
    """Serve until the engine ends this process."""
    provider = build_provider()
    serve(partial(provider_pb2_grpc.add_ResourceProviderServicer_to_server, provider), provider.interrupt)
