"""Publishes the images of several platforms under one name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from codeopen.compose.image_index import make_index, read_manifests
from codeopen.compose.publish import Target, write_tags
from codeopen.distribution.registry import Registry
from codeopen.ondemand.signing import Hook
from codeopen.ondemand.tags import tags_for
from codeopen.plan.digest import PLAN_LABEL
from codeopen.plan.labels import TITLE


@dataclass(frozen=True, slots=True)
class IndexName:
    """What an index is published as: the repository below the registry's host, the version and the plan digest."""

    repository: str
    version: str
    plan_digest: str


def publish_index(
    registry: Registry, name: IndexName, images: Mapping[str, str], before_tag: Hook | None = None
) -> str:
    """Write the index of images (digests by platform) and its tags, and return its ``host/repository@digest``.

    ``before_tag`` signs an index that lacks a tag. Raises RegistryError, and OnDemandError where the version is
    released with another plan.
    """
    repository = name.repository
    annotations = {PLAN_LABEL: name.plan_digest, TITLE: repository.rpartition("/")[2]}
    index = make_index(read_manifests(registry, repository, images), annotations)
    reference = f"{registry.host}/{repository}@{index.digest}"
    tags = tags_for(registry, repository, name.version, name.plan_digest)
    if all(registry.find_manifest(repository, tag) == index.digest for tag in tags):
        return reference
    if before_tag:
        # What signs it has to find it.
        registry.write_manifest(repository, index.digest, index.media_type, index.content)
        before_tag(reference)
    write_tags(registry, index, Target(repository, tags))
    return reference
