"""The plugin ``pulumi-resource-codeopen``: its resource types, version and configuration (it has none)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pulumi.runtime.proto import provider_pb2_grpc

from provider.composed_image import ComposedImage
from provider.credential import Credential
from provider.granted_storage import GrantedStorage
from provider.image_index import ImageIndex
from provider.image_release import ImageRelease
from provider.mirrored_image import MirroredImage
from provider.process_limit import ProcessLimit
from provider.protocol.engine_log import warn
from provider.protocol.resource import ResourceType
from provider.protocol.resource_provider import About, ResourceProvider
from provider.protocol.server import serve
from provider.published_image import PublishedImage
from provider.published_plan import PublishedPlan

VERSION = "1.0.0"
LABEL = "the codeopen plugin"


def resource_types(warn_person: Callable[[str], None]) -> tuple[ResourceType, ...]:
    """Every resource type of the provider; a new one is one more entry here."""
    return (
        Credential(),
        MirroredImage(),
        PublishedPlan(warn_person),
        ImageRelease(),
        ComposedImage(),
        ImageIndex(),
        ProcessLimit(),
        GrantedStorage(warn_person),
        PublishedImage(),
    )


def build_provider(warn_person: Callable[[str], None]) -> ResourceProvider:
    """The provider with all its resource types; ``warn_person`` takes what a preview has to say."""
    about = About(LABEL, VERSION, settings={}, shares_namespace=True)
    return ResourceProvider(about, resource_types(warn_person), lambda _: None)


def run(engine_address: str) -> None:
    """Serve until the engine ends this process."""
    provider = build_provider(partial(warn, engine_address))
    serve(partial(provider_pb2_grpc.add_ResourceProviderServicer_to_server, provider), provider.interrupt)
