"""Larger scenes: all combinations, one add-on that changed, asking on demand, and what a node pulls."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import subprocess
import tarfile
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from bench.composing.arms import Chained, Composed
from bench.composing.cost import median, percentile
from bench.composing.workbench import PLATFORM, Workbench
from codeopen.images.compose.image import CONFIG_TYPE, document, image_manifest
from codeopen.images.compose.packages import STATUS, merge_packages, write_packages
from codeopen.images.compose.part_index import LayerBlob, PartIndex
from codeopen.images.compose.seal import MEDIA_TYPE, make_seal
from codeopen.images.compose.store import IndexStore
from codeopen.images.compose.verdicts import Verdicts
from codeopen.images.ondemand.composing import Tools, read_index
from codeopen.images.ondemand.ensure import Ensured, Ensurer, How
from codeopen.images.ondemand.parts import PartBuilds
from codeopen.images.registry.registry import digest_of
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.digest import plan_tag
from codeopen.model.plan.parts import PartId, PartKind

_LOOKS: Final = 5


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
    """An add-on with one more file: its index, and all combinations with it, judged and composed again."""
    name = str(PartId(PartKind.ADDON, addon))
    part = bench.indexes[name]
    affected = [each for each in combinations if addon in each.addons]
    reference = _push_with_one_more_file(bench, part, addon)
    store, verdicts = IndexStore(bench.registry, bench.folder / "changed"), Verdicts(bench.folder / "changed")
    indexing, changed = bench.meter.measure(lambda: read_index(store, reference, PLATFORM, bench.base))
    arm = Composed(bench, seal=True, name="changed", replaced={part.repository: changed})

    def make_all() -> None:
        for combination in affected:
            members = [changed if each.repository == part.repository else each for each in bench.members(combination)]
            pairs = (pair for pair in itertools.combinations(members, 2) if changed in pair)
            if not all(verdicts.of(bench.base, one, other).composed for one, other in pairs):
                raise AssertionError(f"{combination} does not compose with one more file in {name}")
            arm.make(combination)

    cost, _ = bench.meter.measure(make_all)
    return [
        {
            "addon": addon,
            "index_seconds": indexing.seconds,
            "recompositions": len(affected),
            "seconds": cost.seconds,
            "requests": cost.requests,
            "pushed_bytes": cost.sent,
        }
    ]


def _push_with_one_more_file(bench: Workbench, part: PartIndex, addon: str) -> str:
    """The image of a part with a layer more, as a rebuild of its last step would leave it."""
    registry, repository = bench.registry, f"{bench.owner}/changed-{addon}"
    manifest = registry.read_manifest(part.repository, part.digest).parsed()
    config = json.loads(registry.read_blob(part.repository, manifest["config"]["digest"]))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(f"usr/local/share/one-more-file-{addon}"))
    plain, packed = buffer.getvalue(), gzip.compress(buffer.getvalue(), mtime=0)
    config["rootfs"]["diff_ids"].append(digest_of(plain))
    config.setdefault("history", []).append({"created_by": "one more file"})
    layers = [LayerBlob(each["mediaType"], each["digest"], each["size"], "") for each in manifest["layers"]]
    for layer in layers:
        registry.mount_blob(repository, layer.digest, part.repository)
    layers.append(LayerBlob(MEDIA_TYPE, digest_of(packed), len(packed), digest_of(plain)))
    described = document(CONFIG_TYPE, config)
    registry.upload_blob(repository, digest_of(packed), packed)
    registry.upload_blob(repository, described.digest, described.content)
    changed = image_manifest(described, layers, manifest.get("annotations") or {})
    registry.write_manifest(repository, changed.digest, changed.media_type, changed.content)
    return f"{registry.host}/{repository}@{changed.digest}"


def ensure_figures(bench: Workbench, sample: Sequence[Combination]) -> list[dict[str, Any]]:
    """The product's ``ensure`` in process, with the catalog loaded: misses, hits, and beside them one HEAD request."""
    first, again, hits, heads = list[float](), list[float](), list[float](), list[float]()
    for number, each in enumerate(sample):
        # The first turn judges every pair of the combination; the second finds the verdicts.
        tools = replace(bench.tools, verdicts=Verdicts(bench.folder / f"unjudged-{number}"))
        for turn, misses in (("first", first), ("again", again)):
            ensurer = _ensurer(bench, tools, turn)
            made = _timed(ensurer, each, How.COMPOSED, misses)
            repository = made.reference.partition("/")[2].partition("@")[0]
            for _ in range(_LOOKS):
                _timed(ensurer, each, How.FOUND, hits)
                start = time.perf_counter()
                bench.registry.find_manifest(repository, plan_tag(made.plan_digest))
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
    cache, cold = bench.folder / "cold", list[float]()
    tools = replace(bench.tools, store=IndexStore(bench.registry, cache), verdicts=Verdicts(cache))
    _timed(_ensurer(bench, tools, "cold"), sample[0], How.COMPOSED, cold)
    return [*rows, {"of": "miss of a fresh machine, whose indexes come from the registry", "runs": 1, "p50": cold[0]}]


def _ensurer(bench: Workbench, tools: Tools, owner: str) -> Ensurer:
    """The product's own, which publishes combinations under an owner of this run, and builds nothing."""
    plan = bench.source.plan
    release = replace(plan.release, owner=f"{bench.owner}/{owner}")
    return Ensurer(PartBuilds(replace(bench.source, plan=replace(plan, release=release)), tools, None), tools)


def _timed(ensurer: Ensurer, combination: Combination, how: How, seconds: list[float]) -> Ensured:
    """Ask for a combination, note what that took, and be sure that it was got in the way that is measured."""
    start = time.perf_counter()
    ensured = ensurer.ensure(combination, PLATFORM, lambda _: None)
    seconds.append(time.perf_counter() - start)
    if ensured.how is not how:
        raise AssertionError(f"{combination}: it was {ensured.how}, and not {how}")
    return ensured


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
