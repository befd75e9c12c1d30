"""The plugin ``pulumi-resource-docker`` as a fallback: its resource types, configuration and warning."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Final

from pulumi.runtime.proto import provider_pb2_grpc

from fallback_plugins.docker.container import Container
from fallback_plugins.docker.engine import Engine
from fallback_plugins.docker.network import Network
from fallback_plugins.docker.remote_image import RemoteImage
from fallback_plugins.docker.volume import Volume
from provider.protocol.engine_log import warn
from provider.protocol.properties import Kind, Property
from provider.protocol.resource import ResourceType
from provider.protocol.resource_provider import About, ResourceProvider
from provider.protocol.server import serve
from provider.protocol.values import Properties

VERSION: Final = "5.2.0"
"""The version of the official plugin that this one stands in for: the engine selects plugins by it."""

LABEL: Final = f"the fallback docker plugin (only the official plugin {VERSION} has everything)"

WARNING: Final = (
    "the fallback docker plugin stands in for the official one; docs/reference/fallback-plugins.md says what differs"
)

SETTINGS: Final = {
    "host": Property(Kind.STRING),
    "disableDockerDaemonCheck": Property(Kind.STRING, differs="accepted without effect: the Engine is never pinged"),
}


def resource_types(engine: Engine) -> tuple[ResourceType, ...]:
    """Every resource type that the fallback supports."""
    return (Network(engine), Volume(engine), Container(engine), RemoteImage(engine))


def build_provider(engine: Engine, warn_person: Callable[[], None]) -> ResourceProvider:
    """The provider over this Engine; ``warn_person`` runs at its first configuration."""
    warned = Lock()

    def configure(settings: Properties) -> None:
        host = settings.get("host")
        engine.configure(host if isinstance(host, str) else "")
        if warned.acquire(blocking=False):  # never released: once in the plugin's life, however many providers
            warn_person()

    return ResourceProvider(About(LABEL, VERSION, SETTINGS), resource_types(engine), configure)


def run(engine_address: str) -> None:
    """Serve until the engine ends this process."""
    provider = build_provider(Engine(), partial(warn, engine_address, WARNING))
    serve(partial(provider_pb2_grpc.add_ResourceProviderServicer_to_server, provider), provider.interrupt)
