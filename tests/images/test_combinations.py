"""Add-ons together: any two that have services start both, and all of them at once do. Each inherits all tests."""

from __future__ import annotations

from itertools import combinations

import pytest

from codeopen.images.verify.layers import LayerReader
from codeopen.images.verify.suite import verify
from codeopen.model.catalog.model import Addon, Status
from codeopen.model.catalog.read import read_catalog
from codeopen.model.selection.compatibility import incompatible_pairs
from codeopen.model.selection.order import in_layer_order
from tests.images.trials import Trials
from tests.live import ROOT

pytestmark = pytest.mark.heavy
CATALOG = read_catalog(ROOT / "catalog")
ADDONS = in_layer_order(addon for addon in CATALOG.addons.values() if addon.status is Status.AVAILABLE)
SERVICES = [addon for addon in ADDONS if addon.extra_ports]


def name_of(*addons: Addon) -> str:
    return "-".join(("js", *sorted(addon.image_suffix for addon in addons)))


PAIRS = [name_of(*pair) for pair in combinations(SERVICES, 2) if not any(incompatible_pairs(pair))]


@pytest.mark.parametrize("name", PAIRS)
def test_two_add_ons_start_the_services_of_both(trials: Trials, reader: LayerReader, name: str) -> None:
    verification = verify(trials.expected(name), trials.image(name), trials.surroundings(), reader)
    assert [f"{result.part} {result.name}: {result.detail}" for result in verification.failed] == []


def test_all_add_ons_together_start_all_services(trials: Trials, reader: LayerReader) -> None:
    chosen: list[Addon] = []
    for addon in ADDONS:
        buildable = any(part.part.id.id == addon.id and part.buildable for part in trials.stack.plan.parts)
        if buildable and not any(incompatible_pairs((*chosen, addon))):
            chosen.append(addon)
    name = name_of(*chosen)
    verification = verify(trials.expected(name), trials.image(name), trials.surroundings(), reader)
    assert [f"{result.part} {result.name}: {result.detail}" for result in verification.failed] == []
