"""Planning in process, with the catalog and the contexts loaded: what it takes beside iterating and hashing alone.

The floor goes through the same tuples and hashes as many bytes as the plan does, in as many pieces.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType

from bench.figures import Figure, medians
from codeopen.model.catalog.model import Catalog, Status
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.combinations import enumerate_combinations
from codeopen.model.plan.context import Context, ContextFile, read_contexts
from codeopen.model.plan.digest import FORMAT
from codeopen.model.plan.parts import PartId, list_parts
from codeopen.model.plan.plan import PlannedCombination, PlanRequest, make_plan, plan_combinations
from codeopen.model.selection.name import Release

RELEASE = Release("localhost:5000", "codeopen", "bench")
AMD64, ARM64 = "linux/amd64", "linux/arm64"


def measure(root: Path, runs: int) -> list[Figure]:
    """Today's catalog in growing numbers of combinations, then all planned add-ons on two platforms."""
    catalog = read_catalog(root / "catalog")
    everything = _with_everything(catalog)
    today = _Subject(catalog, _all_contexts(catalog, root), (AMD64,), runs)
    tomorrow = _Subject(everything, _all_contexts(everything, root), (AMD64, ARM64), runs)
    figures = [today.figure(count, target) for count, target in {10: "", 100: "", 192: "under 0.1 s"}.items()]
    return [*figures, tomorrow.figure(1536, "under 1 s")]


@dataclass(frozen=True, slots=True)
class _Subject:
    catalog: Catalog
    contexts: Mapping[PartId, Context]
    platforms: tuple[str, ...]
    runs: int

    def figure(self, count: int, target: str) -> Figure:
        """The first ``count`` combinations planned, beside the floor. They are not all, unless there are no more."""
        planned = self.plan(count)
        digests = sum(len(each.digests) for each in planned)
        if (len(planned), digests) != (count, count * len(self.platforms)):
            raise RuntimeError(
                f"planned {len(planned)} combinations with {digests} digests, not {count}; the catalog has grown"
            )
        taken = medians({"plan": partial(self.plan, count), "floor": _floor(planned)}, self.runs)
        name = f"{count} combinations" + (f" x {len(self.platforms)} platforms" if len(self.platforms) > 1 else "")
        floor = "iterate and hash the same"
        return Figure("planning in process", name, taken["plan"], floor, taken["floor"], self.runs, target)

    def plan(self, count: int) -> list[PlannedCombination]:
        parts = make_plan(self.catalog, self.contexts, PlanRequest(RELEASE, self.platforms)).parts
        return list(
            plan_combinations(self.catalog, parts, RELEASE, islice(enumerate_combinations(self.catalog), count))
        )


def _floor(planned: list[PlannedCombination]) -> Callable[[], None]:
    rows = [(each, [_text(each, platform) for platform in each.digests]) for each in planned]

    def run() -> None:
        for _, texts in rows:
            for text in texts:
                hashlib.sha256(text).hexdigest()

    return run


def _text(planned: PlannedCombination, platform: str) -> bytes:
    """As many bytes as the digest of a combination is made of."""
    digests = ["sha256:" + "0" * 64 for _ in planned.parts]
    value = {"format": FORMAT, "platform": platform, "combination": digests}
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _all_contexts(catalog: Catalog, root: Path) -> Mapping[PartId, Context]:
    """The contexts that are there, and one file in the place of each that isn't: every part counts as buildable."""
    parts = list_parts(catalog)
    file = ContextFile("Dockerfile", "sha256:" + "0" * 64, 1, executable=False)
    missing = {part.id: Context(file, ()) for part in parts}
    return MappingProxyType({**missing, **read_contexts(root, parts)})


def _with_everything(catalog: Catalog) -> Catalog:
    """The catalog with its planned add-ons available, and all of it on two platforms."""
    both = (AMD64, ARM64)
    addons = (replace(addon, platforms=both, status=Status.AVAILABLE) for addon in catalog.addons.values())
    flavors = (replace(flavor, platforms=both) for flavor in catalog.flavors.values())
    return replace(
        catalog,
        base=replace(catalog.base, platforms=both),
        flavors=MappingProxyType({flavor.id: flavor for flavor in flavors}),
        addons=MappingProxyType({addon.id: addon for addon in addons}),
    )
