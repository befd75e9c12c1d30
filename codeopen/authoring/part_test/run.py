"""Tries one image after the other, and leaves of each what the next one needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from codeopen.authoring.part_test.disk import prune_cache, used_bytes, watched_disk, working_folders
from codeopen.authoring.part_test.report import PartTrial, TrialReport
from codeopen.authoring.part_test.target import Target, Targets, expect
from codeopen.authoring.part_test.trial_stack import Built, TrialStack
from codeopen.errors import CodeOpenError
from codeopen.images.verify.container import Surroundings, remove_containers, remove_images
from codeopen.images.verify.expectation import Expectation
from codeopen.images.verify.layers import LayerReader
from codeopen.images.verify.results import Result
from codeopen.images.verify.suite import Image, verify
from codeopen.model.plan.parts import PartId, parts_graph
from codeopen.platform.deploy.stack import Watch

BUILD: Final = "build"
VERIFIED: Final = "codeopen.verify"  # label of the containers that images are verified in


@dataclass(frozen=True, slots=True)
class TrialLimits:
    """``cache_gigabytes`` bounds the builder's cache between two images; ``keep`` keeps the registry at the end."""

    cache_gigabytes: int
    keep: bool


def try_all(stack: TrialStack, targets: Targets, limits: TrialLimits, watch: Watch) -> TrialReport:
    """Build and verify every target; what fails doesn't keep the others from being tried."""
    folders = working_folders()
    with watched_disk(lambda: used_bytes(folders)) as disk:
        trials = tuple(_try_each(stack, targets, limits, watch))
        if not limits.keep:
            watch.note("removing the registry of the trial")
            stack.remove(watch)
    return TrialReport(trials, targets.untried, disk.peak)


def _try_each(stack: TrialStack, targets: Targets, limits: TrialLimits, watch: Watch) -> Iterator[PartTrial]:
    tools = _Tools(LayerReader(), set(), watch)
    graph = parts_graph(tuple(planned.part for planned in stack.plan.parts))
    broken: set[PartId] = set()
    try:
        for number, target in enumerate(targets.targets, start=1):
            watch.note(f"{target.name} ({number} of {len(targets.targets)})")
            if missing := broken & {target.part, *graph.ancestors(target.part)}:
                trial = _failed(stack, target, f"{min(map(str, missing))} could not be built")
            else:
                trial = _try(stack, target, tools)
            if not trial.work and target.combination is None:
                broken.add(target.part)
            watch.note(f"{target.name}: {len(trial.results) - len(trial.failed)} of {len(trial.results)} checks passed")
            yield trial
            prune_cache(stack.settings.builder, limits.cache_gigabytes)
    finally:
        for name, value in stack.label.items():
            # The registry carries it too, and belongs to the stack.
            remove_containers(f"{name}={value}", VERIFIED)
        remove_images(sorted(tools.pulled))


@dataclass(frozen=True, slots=True)
class _Tools:
    reader: LayerReader
    pulled: set[str]
    watch: Watch


def _failed(stack: TrialStack, target: Target, why: str) -> PartTrial:
    expected = expect(stack.catalog, stack.plan, target)
    return _row(target, expected, None, (Result(target.name, BUILD, passed=False, seconds=0.0, detail=why),))


def _try(stack: TrialStack, target: Target, tools: _Tools) -> PartTrial:
    expected = expect(stack.catalog, stack.plan, target)
    built: Built | None = None
    try:
        built = stack.build(target, tools.watch)
        tools.watch.note(f"{target.name}: verifying …")
        image = Image(built.row.reference, built.base)
        surroundings = Surroundings(MappingProxyType({**stack.label, VERIFIED: target.name}))
        tools.pulled.update((built.row.reference, built.base))
        results = verify(expected, image, surroundings, tools.reader).results
    except CodeOpenError as error:
        name = BUILD if built is None else "verify"
        results = (Result(target.name, name, passed=False, seconds=0.0, detail=str(error)),)
    if built is not None and built.row.reference != built.base:
        # The base's layers stay: every image stands on them.
        remove_images([built.row.reference])
    return _row(target, expected, built, results)


def _row(target: Target, expected: Expectation, built: Built | None, results: tuple[Result, ...]) -> PartTrial:
    return PartTrial(
        name=target.name,
        specified_mb=target.specified_mb,
        unpacked_bytes=built.row.unpacked_bytes if built else None,
        compressed_bytes=built.row.compressed_bytes if built else None,
        work=built.row.work if built else "",
        build_seconds=built.row.seconds if built else 0,
        results=results,
        substitutes=expected.substitutes,
        left_out=expected.left_out,
    )
