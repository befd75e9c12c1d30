"""The SDKs of clouds, which are not installed unless a stack asks for them."""

from __future__ import annotations

import importlib
from typing import Any, Final

import pulumi

from codeopen.environment.cluster_settings import CloudRegistrySettings, RegistrySettings
from codeopen.errors import CloudSdkError, SettingsError

KEPT: Final = pulumi.ResourceOptions(protect=True, retain_on_delete=True)
"""For what holds images: no replacement and no `pulumi destroy` removes any."""


def import_sdk(package: str, extra: str) -> Any:
    """A cloud's SDK, as ``pulumi_aws``. Raises CloudSdkError where it isn't installed."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise CloudSdkError(
            f"the registry of {extra} needs the package {package}, which is not installed; run "
            f"`pip install 'codeopen-containers[{extra}]'`"
        ) from None


def cloud_of(registry: RegistrySettings, *needed: str) -> CloudRegistrySettings:
    """What a stack says of its cloud's registry. Raises SettingsError where a needed value is missing."""
    cloud = registry.cloud or CloudRegistrySettings()
    for key in needed:
        if not getattr(cloud, key):
            raise SettingsError(
                f"codeopen:cluster.registry.cloud.{key} is missing; a registry {registry.kind} needs it"
            )
    return cloud
