"""Larger scenes: all combinations, one add-on that changed, asking on demand, and what a node pulls."""

from __future__ import annotations

import gzip
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bench.composing.arms import Chained, Composed
from bench.composing.cost import median, percentile
from bench.composing.workbench import PLATFORM, Workbench
from codeopen.compose.packages import STATUS, merge_packages, write_packages
from codeopen.compose.seal import make_seal
from codeopen.compose.store import IndexStore
from codeopen.compose.verdicts import Verdicts
from codeopen.ondemand.composing import Identity, Ingredients, Tools, combine_once, find_image
from codeopen.ondemand.file_lock import FileLocks
from codeopen.ondemand.parts import PartBuilds
from codeopen.plan.combinations import Combination
from codeopen.plan.digest import plan_tag
from codeopen.plan.parts import BASE, PartId, PartKind
from codeopen.plan.plan import PlannedCombination, plan_combinations


def time_all(bench: Workbench, combinations: Sequence[Combination], name: str) -> dict[str, Any]:
    """Judge and compose all of them, one after the other, with fresh verdicts."""
    arm = Composed(bench, seal=True, name=f"all{len(combinations)}")
    verdicts = Verdicts(bench.folder / f"fresh-{len(combinations)}")

    def make_all() -> None:
        for combination in combinations:
            parts = bench.members(combination)
            for number, one in enumerate(parts):
                for other in parts[number + 1 :]:
                    if not verdicts.of(bench.base, one, other).composed:
                        raise AssertionError(f"{combination} has a pair that doesn't compose")
            arm.make(combination)

    cost, _ = bench.meter.measure(make_all)
    kept = bench.kept()
    return {
        "set": name,
        "seconds": cost.seconds,
        "cpu_seconds": cost.cpu_seconds,
        "requests": cost.requests,
        "pushed_bytes": cost.sent,
        "registry_bytes": sum(map(kept.add, arm.made.values())),
    }


def seal_sizes(bench: Workbench, combinations: Sequence[Combination]) -> list[dict[str, Any]]:
    """Each seal beside the gzipped merged dpkg status alone."""
    ratios, sizes = [], []
    over = 0
    for combination in combinations:
        parts = bench.members(combination)
        seal = make_seal(bench.base, parts)
        if seal is None:
            continue
        beyond = [part.packages.beyond(bench.base.packages) for part in parts]
        status = write_packages(merge_packages(bench.base.packages, beyond), "amd64")[STATUS]
        floor = len(gzip.compress(status, compresslevel=6, mtime=0))
        sizes.append(seal.blob.size)
        ratios.append(seal.blob.size / (1.1 * floor + 10_000))
        over += seal.blob.size > 1.1 * floor + 10_000
    return [
        {
            "seals": len(sizes),
            "median_bytes": median(sizes),
            "largest_bytes": max(sizes),
            "largest_share_of_the_bound": max(ratios),
            "over_the_bound": over,
        }
    ]


def change_an_addon(bench: Workbench, combinations: Sequence[Combination], addon: str) -> list[dict[str, Any]]:
    """An add-on with one more file: its index, and all combinations with it, again."""
    name = str(PartId(PartKind.ADDON, addon))
    part = bench.indexes[name]
    affected = [each for each in combinations if addon in each.addons]
    changed = replace(part, config={**part.config, "Labels": {**part.config.get("Labels", {}), "changed": "yes"}})
    arm = Composed(bench, seal=True, name="changed", replaced={part.repository: changed})

    def make_all() -> None:
        for combination in affected:
            arm.make(combination)

    cost, _ = bench.meter.measure(make_all)
    return [
        {
            "addon": addon,
            "recompositions": len(affected),
            "seconds": cost.seconds,
            "requests": cost.requests,
            "pushed_bytes": cost.sent,
        }
    ]


def ensure_figures(bench: Workbench, sample: Sequence[Combination]) -> list[dict[str, Any]]:
    """``ensure`` in process with the catalog loaded: misses, hits, and beside them one HEAD request."""
    source = bench.source
    planned = tuple(plan_combinations(source.catalog, source.plan.parts, source.plan.release, sample))
    first, again, hits, heads = list[float](), list[float](), list[float](), list[float]()
    # The first turn judges pairs that nobody has judged before; the second finds verdicts.
    for turn, misses in (("first", first), ("again", again)):
        for each in planned:
            repository = f"{bench.owner}/{turn}-{each.image.repository}"
            identity = Identity(repository, "0.0.1-bench", each.digests[PLATFORM], PLATFORM)

            def gather(_: object, each: PlannedCombination = each) -> Ingredients:
                found = bench.parts.find_all((BASE, *each.parts), PLATFORM)
                return Ingredients(str(found[BASE]), {str(part): str(found[part]) for part in each.parts}, lambda _: "")

            start = time.perf_counter()
            combine_once(bench.tools, identity, gather, lambda _: None)
            misses.append(time.perf_counter() - start)
            for _ in range(5):
                start = time.perf_counter()
                find_image(bench.registry, identity.repository, identity.plan_digest)
                hits.append(time.perf_counter() - start)
                start = time.perf_counter()
                bench.registry.find_manifest(identity.repository, plan_tag(identity.plan_digest))
                heads.append(time.perf_counter() - start)
    named = {
        "miss, parts present": again,
        "miss, parts present, pairs never judged before": first,
        "hit": hits,
        "one HEAD request": heads,
    }
    rows = [
        {"of": name, "runs": len(taken), "p50": median(taken), "p95": percentile(taken, 95)}
        for name, taken in named.items()
    ]
    return [*rows, _cold_miss(bench, sample[0])]


def _cold_miss(bench: Workbench, combination: Combination) -> dict[str, Any]:
    """A miss of a machine that has asked for nothing yet: the indexes come from the registry."""
    cache = bench.folder / "cold"
    start = time.perf_counter()
    store = IndexStore(bench.registry, cache)
    tools = Tools(bench.registry, store, Verdicts(cache), FileLocks(cache), bench.tools.workers)
    parts = PartBuilds(bench.source, tools, None)
    (planned,) = plan_combinations(
        bench.source.catalog, bench.source.plan.parts, bench.source.plan.release, [combination]
    )
    identity = Identity(f"{bench.owner}/cold", "0.0.1-bench", planned.digests[PLATFORM], PLATFORM)

    def gather(_: object) -> Ingredients:
        found = parts.find_all((BASE, *planned.parts), PLATFORM)
        return Ingredients(str(found[BASE]), {str(part): str(found[part]) for part in planned.parts}, lambda _: "")

    combine_once(tools, identity, gather, lambda _: None)
    return {"of": "miss of a fresh machine", "runs": 1, "p50": time.perf_counter() - start}


def pull_second(bench: Workbench, chained: Chained, sealed: Composed) -> list[dict[str, Any]]:
    """What the Docker Engine pulls for js-db after js-code-db's first add-on, by each way."""
    first, second = Combination("js", ("code-server",)), Combination("js", ("code-server", "databases"))
    rows = []
    for combination in (first, second):
        chained.prepare(combination)()
        sealed.make(combination)
    for name, references in (
        ("chained", [chained.links[each] for each in (first, second)]),
        ("composed + seal", [sealed.made[each] for each in (first, second)]),
    ):
        _docker("pull", "--quiet", references[0])
        before = bench.meter.proxy.traffic
        start = time.perf_counter()
        _docker("pull", "--quiet", references[1])
        seconds = time.perf_counter() - start
        received = (bench.meter.proxy.traffic - before).received
        rows.append({"way": name, "seconds": seconds, "pulled_bytes": received})
        _docker("image", "rm", *references)
    return rows


def _docker(*words: str) -> None:
    subprocess.run(["docker", *words], check=True, capture_output=True)
