"""What having images made would do, without doing it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from codeopen.images.ondemand.composing import find_image
from codeopen.images.ondemand.opening import Bench
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.parts import BASE, PartId
from codeopen.model.plan.plan import plan_combinations


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One image: its repository, its plan digest, and ``found``, ``build`` or ``compose``."""

    name: str
    plan_digest: str
    work: str


def foresee(
    bench: Bench, parts: Iterable[PartId], combinations: Iterable[Combination], platform: str
) -> Sequence[Foreseen]:
    """The images that are there, and those that would be built or composed, in order. Raises CodeOpenError."""
    source = bench.source
    planned = plan_combinations(source.catalog, source.plan.parts, source.plan.release, combinations)
    wanted = [each for each in planned if each.combination.addons]
    rows = []
    missing: list[PartId] = list(parts)
    for each in wanted:
        digest = each.digests.get(platform, "")
        repository = f"{each.image.owner}/{each.image.repository}"
        found = digest and find_image(bench.tools.registry, repository, digest)
        rows.append(Foreseen(each.image.repository, digest, "found" if found else "compose"))
        missing += [] if found else [BASE, *each.parts]
    needed = _with_needs(bench, dict.fromkeys(missing))
    references = bench.parts.find_all(needed, platform)
    # What is there needs nothing any more.
    built = _with_needs(bench, [part for part, reference in references.items() if reference is None])
    shown = [part for part in source.by_id if part in missing or (part in built and references[part] is None)]
    for part in reversed(shown):
        planned_part = source.by_id[part]
        work = "found" if references[part] else "build"
        rows.insert(0, Foreseen(planned_part.part.repository, planned_part.digests[platform], work))
    return rows


def _with_needs(bench: Bench, parts: Iterable[PartId]) -> list[PartId]:
    """Parts with everything that they are built on."""
    found: dict[PartId, None] = {}
    waiting = list(parts)
    while waiting:
        part = waiting.pop()
        if part not in found:
            found[part] = None
            waiting += [need.part.id for need in bench.source.needs(bench.source.by_id[part])]
    return list(found)
