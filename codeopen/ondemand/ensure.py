"""Any combination of a stack when it is asked for: found by its plan, else composed from its parts.

Parts that are missing are built first. Source: design, "Images: parts are built, combinations are composed".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from codeopen.compose.arrangement import Arrangement
from codeopen.errors import OnDemandError
from codeopen.ondemand.composing import (
    Combined,
    Identity,
    Ingredients,
    Method,
    Tools,
    combine_once,
    method_of,
)
from codeopen.ondemand.events import Tell
from codeopen.ondemand.once import Way
from codeopen.ondemand.parts import PartBuilds
from codeopen.plan.combinations import Combination
from codeopen.plan.parts import BASE
from codeopen.plan.plan import PlannedCombination, plan_combinations
from codeopen.plan.platforms import platform_version


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
        planned = self._plan(combination, platform)
        if not combination.addons:
            flavor = planned.parts[0]
            there = self._parts.find_all([flavor], platform)[flavor]
            reference = there or self._parts.ensure_all([flavor], platform, tell)[flavor]
            how = How.FOUND if there else How.BUILT
            return Ensured(reference, self._source.by_id[flavor].digests[platform], how)
        image, digest = planned.image, planned.digests[platform]
        version = platform_version(image.version, self._source.plan.platforms, platform)
        identity = Identity(f"{image.owner}/{image.repository}", version, digest, platform)
        combined = combine_once(self._tools, identity, lambda tell_all: self._gather(planned, platform, tell_all), tell)
        return Ensured(combined.reference, digest, _how(combined), combined.arrangement)

    def _gather(self, planned: PlannedCombination, platform: str, tell: Tell) -> Ingredients:
        references = self._parts.ensure_all((BASE, *planned.parts), platform, tell)
        by_name = {str(part): part for part in planned.parts}
        return Ingredients(
            references[BASE],
            {name: references[part] for name, part in by_name.items()},
            lambda unit: self._parts.ensure_chain([by_name[name] for name in unit], platform, tell),
        )

    def _plan(self, combination: Combination, platform: str) -> PlannedCombination:
        plan = self._source.plan
        (planned,) = plan_combinations(self._source.catalog, plan.parts, plan.release, [combination])
        if planned.not_buildable or platform not in planned.digests:
            missing = ", ".join(map(str, planned.not_buildable)) or f"platform {platform}"
            raise OnDemandError(
                f"{planned.image.repository}: {missing} can't be built by stack {self._source.settings.stack}"
            )
        return planned
