"""What the registries of all clouds share: their settings, and that they outlive a stack."""

from __future__ import annotations

from typing import Final

import pulumi

from codeopen.environment.cluster_settings import CloudRegistrySettings, RegistrySettings
from codeopen.errors import SettingsError

KEPT: Final = pulumi.ResourceOptions(protect=True, retain_on_delete=True)
"""For what holds images: no replacement and no `pulumi destroy` removes any."""


def cloud_of(registry: RegistrySettings, *needed: str) -> CloudRegistrySettings:
    """What a stack says of its cloud's registry. Raises SettingsError where a needed value is missing."""
    cloud = registry.cloud or CloudRegistrySettings()
    for key in needed:
        if not getattr(cloud, key):
            raise SettingsError(
                f"codeopen:cluster.registry.cloud.{key} is missing; a registry {registry.kind} needs it"
            )
    return cloud
