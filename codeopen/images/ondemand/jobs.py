"""What building a part takes, from the plan: the same inputs that the stack's program gives its images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from codeopen.environment.settings import Settings
from codeopen.images.ondemand.builders.job import BuildJob
from codeopen.images.ondemand.chains import ChainMember
from codeopen.images.staging import CONTEXTS, stage_context, stage_text
from codeopen.model.catalog.model import Catalog, UpstreamKind
from codeopen.model.plan.context import Context
from codeopen.model.plan.labels import image_labels
from codeopen.model.plan.parts import BASE, PartId, PartKind
from codeopen.model.plan.plan import BuildPlan, PlannedPart


@dataclass(frozen=True, slots=True)
class JobSource:
    """Makes the jobs of one plan. ``files`` are the build contexts as the plan read them from ``checkout``."""

    checkout: Path
    catalog: Catalog
    settings: Settings
    plan: BuildPlan
    files: Mapping[PartId, Context]
    by_id: Mapping[PartId, PlannedPart] = field(init=False)

    def __post_init__(self) -> None:
        planned = {each.part.id: each for each in (*self.plan.substitutes, *self.plan.parts)}
        object.__setattr__(self, "by_id", MappingProxyType(planned))

    def needs(self, planned: PlannedPart) -> tuple[PlannedPart, ...]:
        """What has to be there before a part can be built: what it is built on, and substitutes that it uses."""
        substitutes = (PartId(PartKind.SUBSTITUTE, name) for name in planned.part.upstreams)
        return tuple(self.by_id[part] for part in (*planned.part.builds_on, *substitutes) if part in self.by_id)

    def part_job(self, planned: PlannedPart, platform: str, references: Mapping[PartId, str]) -> BuildJob:
        """The build of a part; ``references`` names the images of all that it needs. Raises ContextError."""
        notes = {name: substitute.note for name, substitute in self.plan.substituted.items()}
        return BuildJob(
            name=str(planned.part.id),
            repository=planned.reference.rpartition(":")[0],
            plan_digest=planned.digests[platform],
            platform=platform,
            context=self._stage(planned.part.id, planned.part.directory),
            named_contexts=self._named_contexts(planned, references),
            build_arguments=dict(planned.inputs[platform].build_arguments),
            labels=image_labels(planned, platform, self.by_id, notes),
        )

    def chain_member(self, planned: PlannedPart, platform: str, references: Mapping[PartId, str]) -> ChainMember:
        """A part as a chain takes it."""
        job = self.part_job(planned, platform, references)
        named = {name: location for name, location in job.named_contexts.items() if name != str(BASE)}
        return ChainMember(
            name=str(planned.part.id),
            plan_digest=planned.digests[platform],
            reference=references[planned.part.id],
            context=job.context,
            named_contexts=named,
            build_arguments=job.build_arguments,
            labels=job.labels,
        )

    def _named_contexts(self, planned: PlannedPart, references: Mapping[PartId, str]) -> dict[str, str]:
        named = {}
        for name in planned.part.upstreams:
            if location := self._location(name, references):
                named[name] = location
        for part in planned.part.builds_on:
            if part in references:  # a chain's member needs not what its first image is built on
                named[str(part)] = f"docker-image://{references[part]}"
        return named

    def _location(self, name: str, references: Mapping[PartId, str]) -> str:
        """Where an upstream's build context is: its substitute's image, its stand-in of a mirror, or the catalog's."""
        substitute = PartId(PartKind.SUBSTITUTE, name)
        if substitute in references:
            return f"docker-image://{references[substitute]}"
        mirrored, upstream = self.settings.mirror.get(name), self.catalog.upstreams[name]
        if mirrored is not None and mirrored.layout is not None:
            return f"oci-layout://{mirrored.layout}@{mirrored.digest}"
        if upstream.kind is UpstreamKind.IMAGE:
            return f"docker-image://{upstream.reference}@{upstream.digest}"
        if upstream.kind is UpstreamKind.PACKAGE_ARCHIVE:
            folder = f"{CONTEXTS}/{name}"
            stage_text("snapshot", f"{upstream.version}\n", self.checkout / folder)
            return folder
        return ""

    def _stage(self, part: PartId, directory: str) -> str:
        folder = f"{CONTEXTS}/{part}"
        stage_context(self.files[part], self.checkout / directory, self.checkout / folder)
        return folder


def repository_of(planned: PlannedPart) -> str:
    """A part's repository below its registry's host."""
    return planned.reference.rpartition(":")[0].partition("/")[2]
