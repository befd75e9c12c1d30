"""The plugin ``pulumi-resource-kubernetes`` as a fallback: its types, configuration and warning."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from threading import Lock
from typing import Final

from pulumi.runtime.proto import provider_pb2_grpc

from fallback_plugins.kubernetes.objects import KubernetesObject, Options
from fallback_plugins.kubernetes.replacing import Mutable
from fallback_plugins.kubernetes.tokens import kind_of
from provider.kubernetes.api import Api
from provider.kubernetes.kubeconfig import Choice, choose
from provider.protocol.engine_log import warn
from provider.protocol.errors import PluginError
from provider.protocol.properties import Change, Difference, Kind, Property
from provider.protocol.resource import ResourceType
from provider.protocol.resource_provider import About, ResourceProvider, token_of
from provider.protocol.server import serve
from provider.protocol.values import UNKNOWN, Properties

VERSION: Final = "4.34.2"
"""The version of the official plugin that this one stands in for: the engine selects plugins by it."""

LABEL: Final = f"the fallback kubernetes plugin (only the official plugin {VERSION} has everything)"

WARNING: Final = (
    "the fallback kubernetes plugin stands in for the official one: it doesn't wait until objects are ready; "
    "docs/reference/fallback-plugins.md says what differs"
)

SWITCHES: Final[Mapping[str, str]] = {
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
    "upsertExistingObjects": "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
}
"""Settings that are on or off, and the environment's variables that set them too."""

BOOLEAN: Final = ("true", "false")
SETTINGS: Final[Mapping[str, Property]] = {
    "kubeconfig": Property(Kind.STRING, differs="a path or the content"),
    **{name: Property(Kind.STRING) for name in ("context", "cluster", "namespace", "clusterIdentifier")},
    **{name: Property(Kind.STRING, allowed=BOOLEAN) for name in SWITCHES},
    "enableServerSideApply": Property(Kind.STRING, allowed=("true",)),
    **{
        name: Property(Kind.STRING, allowed=BOOLEAN, differs="accepted without effect")
        for name in ("suppressDeprecationWarnings", "suppressHelmHookWarnings")
    },
    **{name: Property(Kind.STRING, allowed=("false",)) for name in ("deleteUnreachable", "skipUpdateUnreachable")},
}


class KubernetesProvider(ResourceProvider):
    """Every type of a single Kubernetes object, so there is no list of types."""

    def __init__(self, api: Api, warn_person: Callable[[], None]) -> None:
        super().__init__(About(LABEL, VERSION, SETTINGS), (), self._take, compare_settings)
        self._api = api
        self._options = Options()
        self._warn_person = warn_person
        self._warned = Lock()

    def find_type(self, urn: str) -> ResourceType:
        kind = kind_of(token_of(urn), LABEL)
        return KubernetesObject(self._api, kind, urn, self._options, self._cancelled)

    def _take(self, settings: Properties) -> None:
        self._options = options(settings, os.environ)
        self._api.configure(_choice(settings))
        if self._warned.acquire(blocking=False):  # never released: once in the plugin's life
            self._warn_person()


def options(settings: Properties, environment: Mapping[str, str]) -> Options:
    """What the configuration allows; the environment stands for settings that aren't given."""
    on = {
        name: str(settings.get(name) or environment.get(variable)).lower() == "true"
        for name, variable in SWITCHES.items()
    }
    mutable = Mutable(secrets=on["enableSecretMutable"], config_maps=on["enableConfigMapMutable"])
    return Options(mutable, force=on["enablePatchForce"], upsert=on["upsertExistingObjects"])


def compare_settings(old: Properties, new: Properties) -> list[Difference]:
    """Settings that changed. Those that lead to another cluster replace the provider, and so all of its resources."""
    changed = [name for name in SETTINGS if old.get(name) != new.get(name)]
    where = [name for name in ("kubeconfig", "context", "cluster") if name in changed]
    if old.get("clusterIdentifier") and new.get("clusterIdentifier"):
        replacing = {"clusterIdentifier"}
    elif any(new.get(name) is UNKNOWN for name in where):
        replacing = set(where)
    else:
        replacing = set(where) if _is_another_cluster(old, new) else set()
    return [
        Difference(
            name,
            Change.REPLACE if name in replacing else Change.UPDATE,
            added=old.get(name) is None,
            removed=new.get(name) is None,
        )
        for name in changed
    ]


def _is_another_cluster(old: Properties, new: Properties) -> bool:
    """Whether both lead to a cluster, and not to the same one; a kubeconfig that is gone says nothing."""
    try:
        return dict(choose(_choice(old)).cluster) != dict(choose(_choice(new)).cluster)
    except (PluginError, OSError):
        return False


def _choice(settings: Properties) -> Choice:
    return Choice(*(str(settings.get(name) or "") for name in ("kubeconfig", "context", "cluster", "namespace")))


def run(engine_address: str) -> None:
    """Serve until the engine ends this process."""
    provider = KubernetesProvider(Api(), partial(warn, engine_address, WARNING))
    serve(partial(provider_pb2_grpc.add_ResourceProviderServicer_to_server, provider), provider.interrupt)
