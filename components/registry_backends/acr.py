"""Azure's Container Registry, which makes repositories at the first push.

Nodes pull by the kubelet's identity (AcrPull) and need no pull secret; builders use workload identity (AcrPush). The
registry's own administrator, a password for everything, stays off.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from codeopen.environment.cluster_settings import RegistrySettings
from components.cloud_sdk import import_sdk
from components.registry_access import RegistryAccess
from components.registry_backends.cloud_registry import KEPT, cloud_of


def declare_registry(
    registry: RegistrySettings,
    repositories: Sequence[str],  # noqa: ARG001 - image names need nothing of their own here
    opts: pulumi.ResourceOptions,
) -> RegistryAccess:
    """The registry, of the tier that has room for images of some gigabytes. Raises CloudSdkError or SettingsError."""
    cloud = cloud_of(registry, "group", "name")
    azure = import_sdk("pulumi_azure_native", "azure")
    made = azure.containerregistry.Registry(
        "registry",
        registry_name=cloud.name,
        resource_group_name=cloud.group,
        location=cloud.location or None,
        sku=azure.containerregistry.SkuArgs(name="Standard"),
        admin_user_enabled=False,
        anonymous_pull_enabled=False,
        opts=pulumi.ResourceOptions.merge(opts, KEPT),
    )
    return RegistryAccess(pulumi.Output.from_input(made.login_server), None)
