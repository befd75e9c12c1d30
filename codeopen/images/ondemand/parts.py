"""The images of parts: found by their plans, else built, each once, in parallel where one doesn't need the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from codeopen.errors import OnDemandError
from codeopen.images.ondemand.builders.job import Builder
from codeopen.images.ondemand.chains import build_chain, build_once
from codeopen.images.ondemand.composing import Tools, find_image
from codeopen.images.ondemand.events import Event, Step, Tell
from codeopen.images.ondemand.jobs import JobSource, repository_of
from codeopen.model.plan.graph import Graph
from codeopen.model.plan.parts import BASE, PartId
from codeopen.model.plan.plan import PlannedPart
from codeopen.model.plan.platforms import platform_version

_BUILDS_AT_ONCE: Final = 4


class PartBuilds:
    """Has parts of a plan built, and chains of them. ``builder`` is None where nothing may be built."""

    def __init__(self, source: JobSource, tools: Tools, builder: Builder | None) -> None:
        self.source = source
        self._tools = tools
        self._builder = builder

    def ensure_all(self, parts: Iterable[PartId], platform: str, tell: Tell) -> Mapping[PartId, str]:
        """The references of parts' images; missing ones are built, with all that they need. Raises CodeOpenError."""
        found = self.find_all(parts, platform)
        missing = [self.source.by_id[part] for part, reference in found.items() if reference is None]
        built = self._build(missing, platform, tell) if missing else {}
        return {part: reference or built[part] for part, reference in found.items()}

    def find_all(self, parts: Iterable[PartId], platform: str) -> Mapping[PartId, str | None]:
        """The references of those parts that are there. Raises OnDemandError for a part that can't be built."""
        wanted = tuple(dict.fromkeys(parts))
        found = self._tools.workers.map(lambda part: self._find(self.source.by_id[part], platform), wanted)
        return dict(zip(wanted, found, strict=True))

    def ensure_chain(self, members: Sequence[PartId], platform: str, tell: Tell) -> str:
        """The image of the first member with the others' Dockerfiles on top, one after the other."""
        needed = {need.part.id for member in members[1:] for need in self.source.needs(self.source.by_id[member])}
        references = self.ensure_all((*members, *sorted(needed, key=str)), platform, tell)
        chain = [self.source.chain_member(self.source.by_id[member], platform, references) for member in members]
        plan = self.source.plan
        version = platform_version(plan.release.version, plan.platforms, platform)
        return build_chain(self._tools, self._builder, chain, (plan.release.owner, version, platform), tell)

    def _build(self, missing: Sequence[PlannedPart], platform: str, tell: Tell) -> Mapping[PartId, str]:
        """Build parts and what they need, in parallel as far as their graph allows."""
        names = ", ".join(str(each.part.id) for each in missing)
        tell(Event(Step.PARTS, str(BASE), f"{self._tools.registry.host} has no {names} of this plan"))
        nodes: dict[PartId, PlannedPart] = {}
        waiting = list(missing)
        while waiting:
            each = waiting.pop()
            if each.part.id not in nodes:
                nodes[each.part.id] = each
                waiting += self.source.needs(each)
        edges = tuple((need.part.id, each.part.id) for each in nodes.values() for need in self.source.needs(each))
        references: dict[PartId, str] = {}
        for stage in Graph(tuple(nodes), edges).generations():
            with ThreadPoolExecutor(_BUILDS_AT_ONCE) as workers:
                done: dict[PartId, Future[str]] = {
                    part: workers.submit(self._ensure_part, nodes[part], platform, dict(references), tell)
                    for part in stage
                }
            references |= {part: future.result() for part, future in done.items()}
        return references

    def _ensure_part(self, planned: PlannedPart, platform: str, references: Mapping[PartId, str], tell: Tell) -> str:
        job = self.source.part_job(planned, platform, references)
        plan = self.source.plan
        version = platform_version(plan.release.version, plan.platforms, platform)
        return build_once(self._tools, self._builder, job, version, tell)

    def _find(self, planned: PlannedPart, platform: str) -> str | None:
        if platform not in planned.digests:
            told = planned.reason(platform)
            raise OnDemandError(f"{planned.part.repository}: {told}; see `codeopen plan parts --platform {platform}`")
        return find_image(self._tools.registry, repository_of(planned), planned.digests[platform])
