"""Use of combinations as values, for tests that need no files."""

from __future__ import annotations

from codeopen.images.popular.use import CombinationUse, Use
from codeopen.model.plan.combinations import Combination


def used(name: str, count: int, projects: int | None = None, obstacle: str = "") -> CombinationUse:
    """``js gui databases`` is a flavor with two add-ons."""
    flavor, *addons = name.split()
    return CombinationUse(Combination(flavor, tuple(addons)), count, count if projects is None else projects, obstacle)


def use_of(*combinations: CombinationUse) -> Use:
    return Use(combinations)
