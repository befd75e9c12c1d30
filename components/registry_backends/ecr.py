"""Amazon's registry, which wants a repository for each image name.

Nodes pull by their role (AmazonEC2ContainerRegistryPullOnly) and need no pull secret; a login lasts twelve hours, so
the one that is returned is for builders that run now. Repositories that come later are made by the push itself, as
docs/adr/0013 says.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from codeopen.environment.cluster_settings import RegistrySettings
from components.cloud_sdk import import_sdk
from components.registry_access import RegistryAccess, docker_config
from components.registry_backends.cloud_registry import KEPT, cloud_of


def declare_registry(
    registry: RegistrySettings, repositories: Sequence[str], opts: pulumi.ResourceOptions
) -> RegistryAccess:
    """A repository for each name, as ``codeopen/codeopen-js``. Raises CloudSdkError."""
    aws = import_sdk("pulumi_aws", "aws")
    location = cloud_of(registry).location or None
    for repository in repositories:
        aws.ecr.Repository(
            f"registry-{repository.replace('/', '-')}",
            name=repository,
            region=location,
            # Versions never move, but plans' and pre-releases' tags do.
            image_tag_mutability="MUTABLE",
            force_delete=False,
            opts=pulumi.ResourceOptions.merge(opts, KEPT),
        )
    token = aws.ecr.get_authorization_token_output(
        region=location, opts=pulumi.InvokeOptions(parent=opts.parent, provider=opts.provider)
    )
    host = token.proxy_endpoint.apply(lambda url: str(url).removeprefix("https://"))
    return RegistryAccess(host, docker_config(host, token.user_name, token.password))
