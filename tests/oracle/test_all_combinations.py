"""The oracle over the whole catalog: every pair, and larger sets, composed and chained, compared file by file.

Runs on the registry that ``codeopen part test --keep`` leaves, for an hour and more: ``make oracle``. Each pair that is
the same is kept as proved, and not compared again; what a verdict is by, ``codeopen compose check`` shows. What stands
on the same flavor is one group for one process, so that its chains find each other's links.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from codeopen.authoring.part_test.disk import prune_cache
from codeopen.images.compose.store import IndexStore
from codeopen.images.locks.no_lock import NoLocks
from codeopen.images.ondemand.checking import check_pairs, list_pairs
from codeopen.images.ondemand.composing import Tools
from codeopen.images.ondemand.opening import Bench, Choices, open_bench
from codeopen.images.registry.registry import Registry
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.combinations import Combination, enumerate_combinations
from codeopen.model.plan.parts import PartId, PartKind
from codeopen.model.selection.order import in_layer_order
from tests.engine.oracle import AMD64, compare, members_of, prove
from tests.live import ROOT
from tests.unit.images.registry.real_registry import distribution_3, serving

pytestmark = pytest.mark.heavy
CATALOG = read_catalog(ROOT / "catalog")
PAIRS = list(list_pairs(CATALOG))
SEED, SIZE = 11, 6
CACHE_GIGABYTES = 20


def combination_of(pair: tuple[PartId, PartId]) -> Combination:
    """The smallest combination that holds a pair: two add-ons stand on js, a companion on the first of its flavors."""
    companions = [CATALOG.companions[part.id] for part in pair if part.kind is PartKind.COMPANION]
    flavors = [part.id for part in pair if part.kind is PartKind.FLAVOR]
    flavors += [companion.with_flavors[0] for companion in companions]
    names = {part.id for part in pair if part.kind is PartKind.ADDON}.union(*(each.with_addons for each in companions))
    addons = in_layer_order(CATALOG.addons[name] for name in names)
    return Combination((*flavors, "js")[0], tuple(addon.id for addon in addons))


def larger_sets() -> list[Combination]:
    """Polyglot and fullstack with all add-ons, the others with six by chance, and all of three and more on the way.

    What a chain is made of on the way are chains themselves, so that each costs one build.
    """
    chance = random.Random(SEED)  # noqa: S311 - a sample, no secret
    every = list(enumerate_combinations(CATALOG))
    sets = []
    for flavor in CATALOG.flavors:
        size = len(CATALOG.addons) if flavor in {"polyglot", "fullstack"} else SIZE
        whole = chance.choice([each for each in every if each.flavor == flavor and len(each.addons) == size])
        sets += [Combination(flavor, whole.addons[:count]) for count in range(3, size + 1)]
    return sets


def in_group(group: str, value: object, name: str) -> ParameterSet:
    return pytest.param(value, marks=pytest.mark.xdist_group(group), id=name)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    stack = os.environ["CODEOPEN_STACK"]
    container = f"codeopen-{stack}-trial-registry"
    done = subprocess.run(["docker", "port", container], capture_output=True, text=True, check=False)
    found = re.search(r":(\d+)", done.stdout)
    if done.returncode or not found:
        pytest.fail(f"{container} doesn't run: first `codeopen part test --keep`", pytrace=False)
    choices = Choices(registry=f"localhost:{found[1]}", version="0.0.0-oracle", build=False)
    with open_bench(stack, ROOT, choices) as opened:
        yield opened


class Chains:
    """Where chains go: a registry of their own for each group, which is removed with the next: the disk has no room."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self._bench = bench
        self._folder = folder
        self._group = ""
        self._tools = bench.tools
        self._open = ExitStack()

    def of(self, group: str) -> Tools:
        if group != self._group:
            self.close()
            folder = self._folder / f"chains-{group}"
            folder.mkdir()
            self._open.callback(shutil.rmtree, folder, ignore_errors=True)
            registry = Registry(self._open.enter_context(serving(distribution_3(), folder)).host)
            store = IndexStore(registry, folder / "indexes")
            tools, self._group = self._bench.tools, group
            self._tools = Tools(registry, store, tools.verdicts, NoLocks(), tools.workers)
        return self._tools

    def close(self) -> None:
        self._open.close()
        prune_cache(self._bench.source.settings.builder, CACHE_GIGABYTES)


@pytest.fixture(scope="module")
def chains(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chains]:
    opened = Chains(bench, tmp_path_factory.mktemp("chains"))
    yield opened
    opened.close()


@pytest.mark.parametrize("pair", [in_group(str(one), (one, other), f"{one}+{other}") for one, other in PAIRS])
def test_a_pair_composes_to_what_its_chain_is(bench: Bench, chains: Chains, pair: tuple[PartId, PartId]) -> None:
    (checked,) = check_pairs(bench, [pair], AMD64)
    assert checked.judged, "both parts are in the registry"
    if not checked.composed:
        pytest.skip(f"the gate refuses it: {checked.findings[0].rule}: {checked.findings[0].subject}")
    if checked.proved:
        return
    assert compare(bench, combination_of(pair), chains.of(str(pair[0]))) == []
    prove(bench, pair)


@pytest.mark.parametrize(
    "combination", [in_group(each.flavor, each, "-".join((each.flavor, *each.addons))) for each in larger_sets()]
)
def test_a_larger_set_composes_to_what_its_chain_is(bench: Bench, chains: Chains, combination: Combination) -> None:
    assert len(members_of(CATALOG, combination)) > 3
    assert compare(bench, combination, chains.of(combination.flavor)) == []
