"""The registry of a cluster: one that is there, the cluster's own, or a cloud's; and the secrets of the platform."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pulumi

from codeopen.environment.cluster_settings import RegistryKind, RegistrySettings
from codeopen.errors import SettingsError
from codeopen.platform.cluster.objects import Object, Reference, SecretValue, fill
from components.registry_access import RegistryAccess

_BACKENDS: Final = {
    RegistryKind.ECR: "ecr",
    RegistryKind.ARTIFACT_REGISTRY: "artifact_registry",
    RegistryKind.ACR: "acr",
}
REGISTRY_LOGIN: Final = "registry-login"


def declare_registry(
    registry: RegistrySettings,
    repositories: Sequence[str],
    login: pulumi.Output[str] | None,
    opts: pulumi.ResourceOptions,
) -> RegistryAccess:
    """How the registry is reached; a cloud's is declared. ``repositories`` are the names of all images, without host.

    ``codeopen.platform.cluster.registry`` says what an in-cluster registry is made of. Raises CloudSdkError or
    SettingsError.
    """
    if registry.kind in _BACKENDS:
        backend: Any = importlib.import_module(f"components.registry_backends.{_BACKENDS[registry.kind]}")
        access: RegistryAccess = backend.declare_registry(registry, repositories, opts)
        return RegistryAccess(access.host, login or access.login)
    if not registry.host:
        raise SettingsError("codeopen:cluster.registry.host is missing; write the name that nodes reach it by")
    return RegistryAccess(pulumi.Output.from_input(registry.host), login)


def secret_names(objects: Iterable[Object]) -> tuple[str, ...]:
    """The secrets that objects name, but the registry's login: which values the stack has to give them."""
    names: set[str] = set()

    def note(value: SecretValue | Reference) -> str:
        if isinstance(value, SecretValue):
            names.add(value.name)
        return ""

    for each in objects:
        fill(each.manifest, note)
    return tuple(sorted(names - {REGISTRY_LOGIN}))


def platform_secrets(objects: Iterable[Object], config: pulumi.Config) -> Mapping[str, pulumi.Output[str]]:
    """The value of each secret from the stack's configuration, as ``registryHtpasswd``. Raises SettingsError."""
    found = {name: config.get_secret(_key(name)) for name in secret_names(objects)}
    missing = [_key(name) for name, value in found.items() if value is None]
    if missing:
        commands = "\n".join(f"  pulumi config set --secret codeopen:{key} -- VALUE" for key in missing)
        raise SettingsError(f"the platform needs secrets that the stack doesn't have; set them:\n{commands}")
    return {name: value for name, value in found.items() if value is not None}


def _key(name: str) -> str:
    first, *rest = name.split("-")
    return first + "".join(word.capitalize() for word in rest)
