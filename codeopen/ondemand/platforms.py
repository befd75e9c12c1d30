"""Publishes the images of several platforms under one name."""

from __future__ import annotations

from collections.abc import Mapping

from codeopen.compose.image_index import make_index, read_manifests
from codeopen.compose.publish import Target, write_tags
from codeopen.distribution.registry import Registry
from codeopen.ondemand.tags import tags_for
from codeopen.plan.digest import PLAN_LABEL
from codeopen.plan.labels import TITLE


def publish_index(
    registry: Registry, repository: str, images: Mapping[str, str], version: str, plan_digest: str
) -> str:
    """Write the index of images (digests by platform) and its tags, and return its ``host/repository@digest``.

    Raises RegistryError, and OnDemandError where the version is released with another plan.
    """
    annotations = {PLAN_LABEL: plan_digest, TITLE: repository.rpartition("/")[2]}
    index = make_index(read_manifests(registry, repository, images), annotations)
    tags = tags_for(registry, repository, version, plan_digest)
    write_tags(registry, index, Target(repository, tags))
    return f"{registry.host}/{repository}@{index.digest}"
