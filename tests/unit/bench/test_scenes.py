"""The scenes of bench.composing measure what they say, on small parts in a scripted registry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.composing.scenes import change_an_addon, ensure_figures
from bench.composing.workbench import PLATFORM, Workbench, workbench
from codeopen.images.ondemand.ensure import Ensured, Ensurer
from codeopen.images.ondemand.events import Tell
from codeopen.images.ondemand.opening import read_source
from codeopen.images.registry.registry import Registry
from codeopen.model.plan.combinations import Combination
from tests.live import ROOT
from tests.unit.images.ondemand.shelf import stock
from tests.unit.images.registry.scripted_registry import ScriptedRegistry, running

ONE, TWO = Combination("js", ("databases",)), Combination("js", ("code-server", "databases"))


@pytest.fixture
def scripted() -> Iterator[ScriptedRegistry]:
    with running(ScriptedRegistry()) as started:
        yield started


@pytest.fixture
def bench(scripted: ScriptedRegistry) -> Iterator[Workbench]:
    port = scripted.server_port
    stock(Registry(scripted.host), read_source("dev", ROOT, f"localhost:{port}"), PLATFORM)
    with workbench("dev", ROOT, port, ()) as opened:
        yield opened


def test_ensure_is_the_products_own(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Combination] = []
    ensure = Ensurer.ensure

    def counted(ensurer: Ensurer, combination: Combination, platform: str, tell: Tell) -> Ensured:
        asked.append(combination)
        return ensure(ensurer, combination, platform, tell)

    monkeypatch.setattr(Ensurer, "ensure", counted)
    rows = ensure_figures(bench, [ONE, TWO])
    assert [(row["of"], row["runs"]) for row in rows] == [
        ("miss, parts present", 2),
        ("miss, parts present, pairs never judged before", 2),
        ("hit", 20),
        ("one HEAD request", 20),
        ("miss of a fresh machine, whose indexes come from the registry", 1),
    ]
    assert len(asked) == sum(row["runs"] for row in rows if row["of"] != "one HEAD request")


def test_a_changed_addon_has_one_more_file(bench: Workbench) -> None:
    before = bench.indexes["addon-databases"]
    (row,) = change_an_addon(bench, [ONE, TWO, Combination("js", ("gui",))], "databases")
    assert row["recompositions"] == 2
    assert row["index_seconds"] > 0
    registry, repository = bench.registry, f"{bench.owner}/changed-js-databases"
    layers = registry.read_manifest(repository, "latest").parsed()["layers"]
    known = {layer.digest for index in (before, bench.indexes["js"]) for layer in index.layers}
    new = [layer for layer in layers if layer["digest"] not in known]
    assert len(new) == 2, "the file, and the seal"
