"""Chains: parts that don't compose, each one's Dockerfile on the image before it, published as a unit of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from codeopen.errors import NothingBuiltError
from codeopen.images.compose.image import Document
from codeopen.images.compose.publish import Target, write_tags
from codeopen.images.locks.lock import Lease
from codeopen.images.ondemand.builders.job import Builder, BuildJob
from codeopen.images.ondemand.composing import Tools, find_image
from codeopen.images.ondemand.events import Event, Step, Tell
from codeopen.images.ondemand.once import Task, make_once
from codeopen.images.ondemand.signing import sign
from codeopen.images.ondemand.tags import tags_for
from codeopen.model.plan.digest import combination_digest, plan_tag
from codeopen.model.plan.labels import identity_labels
from codeopen.model.plan.origin import joint_origin
from codeopen.model.plan.parts import BASE

REPOSITORY_PREFIX: Final = "codeopen-chain-"
# Between the parts of a chain where it is named, as to a workflow: `codeopen build js+addon-gui` makes it.
JOINED: Final = "+"


@dataclass(frozen=True, slots=True)
class ChainMember:
    """A part as a chain takes it: its name, plan digest and image, and what building it on another base takes.

    ``named_contexts`` are without the base's.
    """

    name: str
    plan_digest: str
    reference: str
    context: str
    named_contexts: Mapping[str, str]
    build_arguments: Mapping[str, str]
    labels: Mapping[str, str]


def chain_repository(names: Iterable[str]) -> str:
    """The repository of a chain of parts, without its owner."""
    return REPOSITORY_PREFIX + "-".join(names)


def chain_digest(platform: str, digests: Iterable[str]) -> str:
    """The plan digest of a chain of parts, from theirs."""
    return combination_digest(platform, ["chain", *digests])


def build_chain(
    tools: Tools, builder: Builder | None, members: Sequence[ChainMember], where: tuple[str, str, str], tell: Tell
) -> str:
    """The reference of the first member's image with the others on top. Raises BuildError and RegistryError.

    ``where`` is owner, version and platform. Each step is looked up by its plan first.
    """
    if len(members) == 1:
        return members[0].reference
    owner, version, platform = where
    below = build_chain(tools, builder, members[:-1], where, tell)
    name = chain_repository(member.name for member in members)
    digest = chain_digest(platform, (member.plan_digest for member in members))
    last = members[-1]
    job = BuildJob(
        name=JOINED.join(member.name for member in members),
        repository=f"{tools.registry.host}/{owner}/{name}",
        plan_digest=digest,
        platform=platform,
        context=last.context,
        named_contexts={**last.named_contexts, str(BASE): f"docker-image://{below}"},
        build_arguments=last.build_arguments,
        labels={**last.labels, **identity_labels(name, digest), **joint_origin(each.labels for each in members)},
    )
    return build_once(tools, builder, job, version, tell)


def build_once(tools: Tools, builder: Builder | None, job: BuildJob, version: str, tell: Tell) -> str:
    """The image of a job: found by its plan, or built by one of all callers. Raises CodeOpenError."""
    repository = job.repository.partition("/")[2]
    subject = repository.rpartition("/")[2]

    def find() -> str | None:
        return find_image(tools.registry, repository, job.plan_digest)

    def make(lease: Lease, tell_all: Tell) -> str:
        if builder is None:
            raise NothingBuiltError(f"{tools.registry.host} has no {job.name}, and nothing may be built (--no-build)")
        tell_all(Event(Step.BUILDING, subject, f"building {job.name}"))
        built = builder.build(job, lambda line: tell_all(Event(Step.LOG, subject, line)))
        tell_all(Event(Step.BUILT, subject, f"built {built}"))
        reference = f"{tools.registry.host}/{repository}@{built}"
        sign(tools.before_tag, reference, tell_all)
        manifest = tools.registry.read_manifest(repository, built)
        with lease.guard():
            tags = tags_for(tools.registry, repository, version, job.plan_digest)
            write_tags(
                tools.registry,
                Document(manifest.media_type, manifest.digest, manifest.content),
                Target(repository, tags),
            )
        return reference

    task = Task(f"{tools.registry.host}/{repository}:{plan_tag(job.plan_digest)}", subject, find, make)
    return make_once(tools.locks, task, tell, tools.waiting_seconds).reference
