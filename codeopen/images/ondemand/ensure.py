"""Any combination of a stack when it is asked for: found by its plan, else composed from its parts.

Parts that are missing are built first. Source: design, "Images: parts are built, combinations are composed".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from codeopen.errors import OnDemandError
from codeopen.images.compose.arrangement import Arrangement
from codeopen.images.ondemand.composing import (
    Combined,
    Identity,
    Ingredients,
    Method,
    Tools,
    combine_once,
    find_image,
    method_of,
)
from codeopen.images.ondemand.events import Tell
from codeopen.images.ondemand.jobs import repository_of
from codeopen.images.ondemand.once import Way
from codeopen.images.ondemand.parts import PartBuilds
from codeopen.images.ondemand.platforms import IndexName, index_once
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.digest import index_digest
from codeopen.model.plan.parts import BASE, PartId
from codeopen.model.plan.plan import PlannedCombination, plan_combinations
from codeopen.model.plan.platforms import platform_version


class How(StrEnum):
    """How a caller got an image."""

    FOUND = "found"
    BUILT = "built"
    COMPOSED = "composed"
    CHAINED = "chained"
    MADE_BY_ANOTHER = "made-by-another"


@dataclass(frozen=True, slots=True)
class Ensured:
    """An image that is there: its ``host/repository@digest``, its plan digest, and how the caller got it.

    ``arrangement`` is set where this caller put it together.
    """

    reference: str
    plan_digest: str
    how: How
    arrangement: Arrangement | None = None


def _how(combined: Combined) -> How:
    if combined.arrangement is None:
        return How.FOUND if combined.way is Way.FOUND else How.MADE_BY_ANOTHER
    return How.COMPOSED if method_of(combined.arrangement) is Method.COMPOSED else How.CHAINED


class Ensurer:
    """Has images made, at most once each. One for a process is enough, and may be used by several threads."""

    def __init__(self, parts: PartBuilds, tools: Tools) -> None:
        self._parts = parts
        self._tools = tools
        self._source = parts.source

    def ensure(self, combination: Combination, platform: str, tell: Tell) -> Ensured:
        """The image of a combination on a platform. Raises CodeOpenError: for what can't be built, and by its cause."""
        planned = self._plan(combination, (platform,))
        if not combination.addons:
            return self.ensure_part(planned.parts[0], platform, tell)
        identity = self._identity(planned, platform)
        combined = combine_once(self._tools, identity, lambda tell_all: self._gather(planned, platform, tell_all), tell)
        return Ensured(combined.reference, identity.plan_digest, _how(combined), combined.arrangement)

    def ensure_part(self, part: PartId, platform: str, tell: Tell) -> Ensured:
        """The image of a part on a platform. Raises CodeOpenError."""
        there = self._parts.find_all([part], platform)[part]
        reference = there or self._parts.ensure_all([part], platform, tell)[part]
        return Ensured(reference, self._source.by_id[part].digests[platform], How.FOUND if there else How.BUILT)

    def ensure_everywhere(self, combination: Combination, tell: Tell) -> Ensured:
        """The image for all platforms of the stack: where these are several, their index. Raises CodeOpenError."""
        planned = self._plan(combination)
        if not combination.addons:
            return self.ensure_part_everywhere(planned.parts[0], tell)
        repository = f"{planned.image.owner}/{planned.image.repository}"
        return self._index(repository, planned.digests, partial(self.ensure, combination), tell)

    def ensure_part_everywhere(self, part: PartId, tell: Tell) -> Ensured:
        """The image of a part for all platforms of the stack, likewise. Raises CodeOpenError."""
        planned = self._source.by_id[part]
        return self._index(repository_of(planned), planned.digests, partial(self.ensure_part, part), tell)

    def on(self, combinations: Iterable[Combination], platform: str) -> Sequence[Combination]:
        """Those combinations whose parts are all built for a platform. Raises OnDemandError for what none has."""
        return [each for each in combinations if platform in self._plan(each).digests]

    def missing_parts(self, combinations: Iterable[Combination], platform: str) -> Sequence[PartId]:
        """The parts of those combinations that are not there yet. Raises CodeOpenError."""

        def is_there(planned: PlannedCombination) -> bool:
            identity = self._identity(planned, platform)
            return find_image(self._tools.registry, identity.repository, identity.plan_digest) is not None

        planned = [self._plan(each, (platform,)) for each in combinations]
        there = self._tools.workers.map(is_there, planned)
        missing = [each for each, found in zip(planned, there, strict=True) if not found]
        return tuple(dict.fromkeys(part for each in missing for part in (BASE, *each.parts)))

    def _index(
        self, repository: str, digests: Mapping[str, str], one: Callable[[str, Tell], Ensured], tell: Tell
    ) -> Ensured:
        """The index of what ``one`` gives for each platform; ``digests`` are the plan's. A single platform has none."""
        platforms = self._source.plan.platforms
        if len(platforms) == 1 or not digests:  # what can't be built says so
            return one(platforms[0], tell)
        name = IndexName(repository, self._source.plan.release.version, index_digest(digests))
        made: list[Ensured] = []

        def gather(tell_all: Tell) -> Mapping[str, str]:
            with ThreadPoolExecutor(len(platforms)) as workers:
                made.extend(workers.map(lambda platform: one(platform, tell_all), digests))
            return {key: each.reference.rpartition("@")[2] for key, each in zip(digests, made, strict=True)}

        index = index_once(self._tools, name, gather, tell)
        if index.how is not Way.MADE:
            how = How.FOUND if index.how is Way.FOUND else How.MADE_BY_ANOTHER
            return Ensured(index.reference, name.plan_digest, how)
        ways = {each.how for each in made}
        how = next((way for way in (How.CHAINED, How.COMPOSED, How.BUILT) if way in ways), How.COMPOSED)
        arrangement = next((each.arrangement for each in made if each.how is how), None)
        return Ensured(index.reference, name.plan_digest, how, arrangement)

    def _identity(self, planned: PlannedCombination, platform: str) -> Identity:
        image = planned.image
        version = platform_version(image.version, self._source.plan.platforms, platform)
        return Identity(f"{image.owner}/{image.repository}", version, planned.digests[platform], platform)

    def _gather(self, planned: PlannedCombination, platform: str, tell: Tell) -> Ingredients:
        references = self._parts.ensure_all((BASE, *planned.parts), platform, tell)
        by_name = {str(part): part for part in planned.parts}
        return Ingredients(
            references[BASE],
            {name: references[part] for name, part in by_name.items()},
            lambda unit: self._parts.ensure_chain([by_name[name] for name in unit], platform, tell),
        )

    def _plan(self, combination: Combination, platforms: Sequence[str] = ()) -> PlannedCombination:
        """The plan of a combination that can be had on these platforms. Raises OnDemandError for another."""
        plan = self._source.plan
        (planned,) = plan_combinations(self._source.catalog, plan.parts, plan.release, [combination])
        lacks = [platform for platform in platforms or plan.platforms if platform not in planned.digests]
        if lacks and (platforms or not planned.digests):
            parts = (self._source.by_id[part] for part in planned.parts)
            told = (f"{each.part.id} {each.reason(lacks[0])}" for each in parts if lacks[0] not in each.digests)
            raise OnDemandError(
                f"{planned.image.repository}: stack {self._source.settings.stack} can't build it: {'; '.join(told)}"
            )
        return planned
