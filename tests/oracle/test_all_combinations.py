"""The oracle over the whole catalog: every pair, and larger sets, composed and chained, compared file by file.

Runs on the registry that ``codeopen part test --keep`` leaves, for an hour and more: ``make oracle``. Each pair that is
the same is kept as proved, and not compared again; what a verdict is by, ``codeopen compose check`` shows.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Iterator

import pytest

from codeopen.catalog.read import read_catalog
from codeopen.ondemand.checking import check_pairs, list_pairs
from codeopen.ondemand.opening import Bench, Choices, open_bench
from codeopen.plan.combinations import Combination, enumerate_combinations
from codeopen.plan.parts import PartId, PartKind
from tests.engine.oracle import AMD64, compare, members_of, prove
from tests.live import ROOT

pytestmark = pytest.mark.heavy
CATALOG = read_catalog(ROOT / "catalog")
PAIRS = list(list_pairs(CATALOG))
SEED, SETS = 11, 20


def combination_of(pair: tuple[PartId, PartId]) -> Combination:
    """The smallest combination that holds a pair: two add-ons stand on js."""
    one, other = pair
    if one.kind is PartKind.FLAVOR:
        return Combination(one.id, (other.id,))
    return Combination("js", (one.id, other.id))


def larger_sets() -> list[Combination]:
    """Polyglot with all add-ons, fullstack with all, and others by chance."""
    every = [each for each in enumerate_combinations(CATALOG) if len(each.addons) > 2]
    most = max(len(each.addons) for each in every)
    whole = [each for each in every if len(each.addons) == most and each.flavor in {"polyglot", "fullstack"}]
    return [*whole, *random.Random(SEED).sample(every, SETS)]  # noqa: S311 - a sample, no secret


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    stack = os.environ["CODEOPEN_STACK"]
    container = f"codeopen-{stack}-trial-registry"
    done = subprocess.run(["docker", "port", container], capture_output=True, text=True, check=False)
    found = re.search(r":(\d+)", done.stdout)
    if done.returncode or not found:
        pytest.fail(f"{container} doesn't run: first `codeopen part test --keep`", pytrace=False)
    with open_bench(stack, ROOT, Choices(registry=f"localhost:{found[1]}", build=False)) as opened:
        yield opened


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0]}+{pair[1]}")
def test_a_pair_composes_to_what_its_chain_is(bench: Bench, pair: tuple[PartId, PartId]) -> None:
    (checked,) = check_pairs(bench, [pair], AMD64)
    assert checked.judged, "both parts are in the registry"
    if not checked.composed:
        pytest.skip(f"the gate refuses it: {checked.findings[0].rule}: {checked.findings[0].subject}")
    if checked.proved:
        return
    assert compare(bench, combination_of(pair)) == []
    prove(bench, pair)


@pytest.mark.parametrize("combination", larger_sets(), ids=lambda each: "-".join((each.flavor, *each.addons)))
def test_a_larger_set_composes_to_what_its_chain_is(bench: Bench, combination: Combination) -> None:
    assert len(members_of(combination)) > 3
    assert compare(bench, combination) == []
