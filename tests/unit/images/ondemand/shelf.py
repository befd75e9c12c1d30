"""A registry with a small image for every part of a real plan, so that combinations of the real catalog can be had."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from threading import Lock

from codeopen.errors import BuildError
from codeopen.images.ondemand.builders.job import BuildJob, Log
from codeopen.images.ondemand.chains import JOINED
from codeopen.images.ondemand.jobs import JobSource, repository_of
from codeopen.images.registry.registry import Registry
from codeopen.model.plan.digest import plan_tag
from codeopen.model.plan.parts import BASE, PartId
from codeopen.model.plan.plan import PlannedPart
from tests.engine.synthetic_parts import Pushed, push
from tests.unit.images.compose.layers import BASE_FILES, STATUS, Content, status


def stock(
    registry: Registry, source: JobSource, platform: str, without: Collection[PartId] = ()
) -> Mapping[PartId, str]:
    """Push the parts under their plans' tags, but some; the references of those that are there."""
    base = _push_part(registry, source.by_id[BASE], platform, None)
    found = {BASE: base.reference}
    for planned in source.plan.parts:
        if platform in planned.digests and planned.part.id not in {BASE, *without}:
            found[planned.part.id] = _push_part(registry, planned, platform, base).reference
    return found


@dataclass
class PartBuilder:
    """Builds the parts of a plan as ``stock`` pushes them; notes the jobs, and how many went on at a time at most."""

    registry: Registry
    source: JobSource
    fails: Collection[str] = ()
    jobs: list[str] = field(default_factory=list)
    most: int = 0
    _now: int = 0
    _lock: Lock = field(default_factory=Lock)

    def build(self, job: BuildJob, log: Log) -> str:
        with self._lock:
            self.jobs.append(f"{job.name} {job.platform}")
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            log("building")
            if job.name in self.fails:
                raise BuildError(f"{job.name}: it fails")
            if JOINED in job.name:
                tree = {"usr/": None, f"usr/{job.plan_digest}": b"x"}
                return push(self.registry, job.repository.partition("/")[2], None, tree).reference.partition("@")[2]
            planned = next(each for part, each in self.source.by_id.items() if str(part) == job.name)
            base = (
                None
                if planned.part.id == BASE
                else _push_part(self.registry, self.source.by_id[BASE], job.platform, None)
            )
            return _push_untagged(self.registry, planned, job.platform, base).reference.partition("@")[2]
        finally:
            with self._lock:
                self._now -= 1


def _push_part(registry: Registry, planned: PlannedPart, platform: str, base: Pushed | None) -> Pushed:
    pushed = _push_untagged(registry, planned, platform, base)
    repository, digest = repository_of(planned), pushed.reference.partition("@")[2]
    manifest = registry.read_manifest(repository, digest)
    tag = plan_tag(planned.digests[platform])
    registry.write_manifest(repository, tag, manifest.media_type, manifest.content)
    return pushed


def _push_untagged(registry: Registry, planned: PlannedPart, platform: str, base: Pushed | None) -> Pushed:
    name = str(planned.part.id)
    own: dict[str, Content] = {f"usr/lib/{name}": f"{name} for {platform}".encode()}
    if base is None:
        return push(registry, repository_of(planned), None, {**BASE_FILES, **own})
    return push(registry, repository_of(planned), base, {**own, STATUS: status("bash", "libc6", f"lib{name}")})
