"""The plugin ``pulumi-resource-codeopen``: its resource types, version and configuration (it has none)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pulumi.runtime.proto import provider_pb2_grpc

from codeopen_plugins.codeopen.composed_image import ComposedImage
from codeopen_plugins.codeopen.credential import Credential
from codeopen_plugins.codeopen.granted_storage import GrantedStorage
from codeopen_plugins.codeopen.image_index import ImageIndex
from codeopen_plugins.codeopen.image_release import ImageRelease
from codeopen_plugins.codeopen.mirrored_image import MirroredImage
from codeopen_plugins.codeopen.process_limit import ProcessLimit
from codeopen_plugins.codeopen.published_image import PublishedImage
from codeopen_plugins.codeopen.published_plan import PublishedPlan
from codeopen_plugins.engine_log import warn
from codeopen_plugins.provider import About, ResourceProvider
from codeopen_plugins.resource import ResourceType
from codeopen_plugins.server import serve

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
