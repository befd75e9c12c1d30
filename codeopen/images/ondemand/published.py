"""Under which names, versions and plans a stack's registry has images: each platform's, and the index of several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from codeopen.errors import OnDemandError
from codeopen.images.ondemand.jobs import JobSource
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.digest import index_digest
from codeopen.model.plan.parts import PartId
from codeopen.model.plan.plan import plan_combinations
from codeopen.model.plan.platforms import platform_version

ALL: Final = "all"
"""In place of a platform, for an index of all that an image is built for."""


@dataclass(frozen=True, slots=True)
class Published:
    """One name that an image has: below the owner, with its version tag. ``platform`` may be ALL."""

    name: str
    version: str
    plan_digest: str
    platform: str


def list_published(
    source: JobSource, parts: Iterable[PartId], combinations: Iterable[Combination], platform: str | None
) -> Iterator[Published]:
    """The names of parts and combinations on one platform, or on all of the stack's with the index after its images.

    Raises OnDemandError for what the stack can't build there.
    """
    for part in parts:
        planned = source.by_id[part]
        yield from _names(source, planned.part.repository, planned.digests, platform)
    for combined in plan_combinations(source.catalog, source.plan.parts, source.plan.release, combinations):
        yield from _names(source, combined.image.repository, combined.digests, platform)


def _names(source: JobSource, name: str, digests: Mapping[str, str], platform: str | None) -> Iterator[Published]:
    platforms, version = source.plan.platforms, source.plan.release.version
    if not digests or (platform and platform not in digests):
        where = f" for {platform}" if platform else ""
        raise OnDemandError(f"{name}: it can't be built{where} by stack {source.settings.stack}")
    for each in [platform] if platform else digests:
        yield Published(name, platform_version(version, platforms, each), digests[each], each)
    if not platform and len(platforms) > 1:
        yield Published(name, version, index_digest(digests), ALL)
