"""Publishes the images of several platforms under one name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from codeopen.images.compose.image_index import make_index, read_manifests
from codeopen.images.compose.publish import Target, write_tags
from codeopen.images.locks.lock import Lease
from codeopen.images.ondemand.composing import Tools, find_image
from codeopen.images.ondemand.events import Tell
from codeopen.images.ondemand.once import Made, Task, make_once
from codeopen.images.ondemand.signing import Hook
from codeopen.images.ondemand.tags import read_labels, tags_for
from codeopen.images.registry.registry import Registry
from codeopen.model.plan.digest import plan_tag
from codeopen.model.plan.labels import identity_labels
from codeopen.model.plan.origin import joint_origin


@dataclass(frozen=True, slots=True)
class IndexName:
    """What an index is published as: the repository below the registry's host, the version and the plan digest."""

    repository: str
    version: str
    plan_digest: str


def index_once(tools: Tools, name: IndexName, gather: Callable[[Tell], Mapping[str, str]], tell: Tell) -> Made:
    """The index of a plan's images: found, or made by one of all callers. Raises CodeOpenError.

    ``gather`` has the images made, and gives their digests by platform; it is called by the one who makes the index.
    """

    def find() -> str | None:
        return find_image(tools.registry, name.repository, name.plan_digest)

    def make(lease: Lease, tell_all: Tell) -> str:
        return publish_index(tools.registry, name, gather(tell_all), tools.before_tag, lease.guard)

    key = f"{tools.registry.host}/{name.repository}:{plan_tag(name.plan_digest)}"
    # Not the images' own subject: that one of them is done is not the end.
    subject = f"{name.repository.rpartition('/')[2]}:{name.version}"
    return make_once(tools.locks, Task(key, subject, find, make), tell, tools.waiting_seconds)


def publish_index(
    registry: Registry,
    name: IndexName,
    images: Mapping[str, str],
    before_tag: Hook | None = None,
    guard: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> str:
    """Write the index of images (digests by platform) and its tags, and return its ``host/repository@digest``.

    ``before_tag`` signs an index that lacks a tag; tags are written within ``guard``. Raises RegistryError, and
    OnDemandError where the version is released with another plan.
    """
    repository = name.repository
    identity = identity_labels(repository.rpartition("/")[2], name.plan_digest)
    origin = joint_origin(read_labels(registry, repository, digest) for digest in images.values())
    annotations = {key: value for key, value in {**identity, **origin}.items() if value}
    index = make_index(read_manifests(registry, repository, images), annotations)
    reference = f"{registry.host}/{repository}@{index.digest}"
    tags = tags_for(registry, repository, name.version, name.plan_digest)
    if all(registry.find_manifest(repository, tag) == index.digest for tag in tags):
        return reference
    if before_tag:
        # What signs it has to find it.
        registry.write_manifest(repository, index.digest, index.media_type, index.content)
        before_tag(reference)
    with guard():
        write_tags(registry, index, Target(repository, tags))
    return reference
