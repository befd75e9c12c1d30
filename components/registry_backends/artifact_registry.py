"""Google's Artifact Registry: one repository of format DOCKER holds all images, as its folder.

Nodes pull by their service account (roles/artifactregistry.reader) and need no pull secret. Builders use workload
identity or an access token, which lasts an hour and is therefore nothing that a stack keeps.
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
    """The repository; the stack's ``owner`` is ``PROJECT/NAME``. Raises CloudSdkError or SettingsError."""
    cloud = cloud_of(registry, "location", "group", "name")
    gcp = import_sdk("pulumi_gcp", "gcp")
    gcp.artifactregistry.Repository(
        "registry",
        repository_id=cloud.name,
        location=cloud.location,
        project=cloud.group,
        format="DOCKER",
        opts=pulumi.ResourceOptions.merge(opts, KEPT),
    )
    return RegistryAccess(pulumi.Output.from_input(f"{cloud.location}-docker.pkg.dev"), None)
