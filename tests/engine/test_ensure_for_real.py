"""One combination, many callers: against a real registry, with real processes that die at any step."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from codeopen.errors import OnDemandError
from codeopen.images.ondemand.platforms import IndexName, publish_index
from codeopen.images.registry.registry import Registry
from codeopen.model.plan.digest import plan_tag
from tests.engine.synthetic_parts import broken_parts, push, push_addon, push_base
from tests.live import ROOT
from tests.unit.images.registry.real_registry import distribution_3, serving

VERSION = "0.0.1-dev"
PLAN = f"sha256:{'7' * 64}"


@dataclass
class Shop:
    registry: Registry
    order: dict[str, Any]

    def found(self) -> str | None:
        return self.registry.find_manifest(self.order["repository"], plan_tag(self.order["plan_digest"]))

    def start(self, **changes: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.engine.combining"]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None
        process.stdin.write(json.dumps({**self.order, **changes}))
        process.stdin.close()
        process.stdin = None
        return process

    def ask(self, **changes: Any) -> list[dict[str, Any]]:
        output, _ = self.start(**changes).communicate(timeout=120)
        rows: list[dict[str, Any]] = json.loads(output)
        return rows


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with serving(distribution_3(), tmp_path_factory.mktemp("registry")) as running:
        yield Registry(running.host)


@pytest.fixture
def shop(registry: Registry, tmp_path: Path, request: pytest.FixtureRequest) -> Shop:
    base = push_base(registry)
    flavor = push(registry, "test/codeopen-js", base, {"usr/lib/node": b"node"})
    addons = {f"addon-{name}": push_addon(registry, name, base).reference for name in ("db", "gui")}
    order = {
        "host": registry.host,
        "cache": str(tmp_path),
        "lock": True,
        "repository": f"test/codeopen-{abs(hash(request.node.nodeid))}",
        "version": VERSION,
        "plan_digest": PLAN,
        "base": base.reference,
        "parts": {"js": flavor.reference, **addons},
        "threads": 1,
    }
    return Shop(registry, order)


def test_one_makes_it_and_all_after_it_find_it(shop: Shop) -> None:
    (first,), (second,) = shop.ask(), shop.ask()
    assert first["made"]
    assert first["events"] == ["judging", "composing", "writing", "tagging", "done"]
    assert second == {"reference": first["reference"], "made": False, "events": []}
    assert broken_parts(shop.registry, first["reference"]) == []
    tags = {shop.registry.find_manifest(shop.order["repository"], tag) for tag in (VERSION, plan_tag(PLAN))}
    assert tags == {first["reference"].partition("@")[2]}


def test_two_hundred_callers_of_eight_processes_make_it_once(shop: Shop) -> None:
    start = time.time() + 4
    running = [shop.start(threads=25, start_at=start) for _ in range(8)]
    rows = [row for process in running for row in json.loads(process.communicate(timeout=120)[0])]
    assert len(rows) == 200
    assert {row.get("error") for row in rows} == {None}
    assert len({row["reference"] for row in rows}) == 1
    assert sum(row["made"] for row in rows) == 1
    waited = [row for row in rows if not row["made"] and row["events"]]
    assert all(row["events"][-1] == "done" for row in waited), "who waits sees the same progress to its end"


@pytest.mark.parametrize("step", range(1, 6))
def test_a_holder_that_is_killed_at_any_step_is_followed_by_another(shop: Shop, step: int) -> None:
    dying = shop.start(die_at=step)
    assert dying.wait(60) == -9, "it died, and did not end well before that step"
    if digest := shop.found():
        assert broken_parts(shop.registry, f"{shop.registry.host}/{shop.order['repository']}@{digest}") == []
    start = time.monotonic()
    (row,) = shop.ask()
    assert broken_parts(shop.registry, row["reference"]) == []
    assert row["made"] is (step < 5), "the last step is told when all is written"
    assert time.monotonic() - start < 15


def test_without_locks_all_make_the_same(shop: Shop) -> None:
    running = [shop.start(lock=False, threads=4) for _ in range(2)]
    rows = [row for process in running for row in json.loads(process.communicate(timeout=120)[0])]
    assert {row.get("error") for row in rows} == {None}
    assert len({row["reference"] for row in rows}) == 1


def test_a_failure_is_told_to_all_and_backs_off(shop: Shop) -> None:
    parts = {**shop.order["parts"], "addon-db": f"{shop.registry.host}/test/codeopen-addon-db@sha256:{'0' * 64}"}
    rows = shop.ask(parts=parts, threads=4)
    assert all("test/codeopen-addon-db" in row["error"] for row in rows)
    assert sum("failed a moment ago, attempt 1" in row["error"] for row in rows) == 3, "one tried, and told the others"
    assert shop.found() is None
    time.sleep(1.5)
    (well,) = shop.ask()
    assert well["made"]


def test_a_released_version_never_moves(shop: Shop) -> None:
    released = {"version": "1.0.0"}
    (first,) = shop.ask(**released)
    (other,) = shop.ask(plan_digest=f"sha256:{'8' * 64}", parts=dict(list(shop.order["parts"].items())[:2]), **released)
    assert "1.0.0 is released with another plan and never moves" in other["error"]
    assert shop.registry.find_manifest(shop.order["repository"], "1.0.0") == first["reference"].partition("@")[2]


def test_the_images_of_several_platforms_get_one_index(shop: Shop) -> None:
    (amd,) = shop.ask(version="1.0.0_amd64")
    (arm,) = shop.ask(version="1.0.0_arm64", plan_digest=f"sha256:{'9' * 64}")
    digests = {name: row["reference"].partition("@")[2] for name, row in (("linux/arm64", arm), ("linux/amd64", amd))}
    repository = shop.order["repository"]
    first, second = (publish_index(shop.registry, IndexName(repository, "1.0.0", PLAN), digests) for _ in range(2))
    assert first == second
    index = shop.registry.read_manifest(repository, "1.0.0")
    assert f"{shop.registry.host}/{repository}@{index.digest}" == first
    entries = [(each["platform"]["architecture"], each["digest"]) for each in index.parsed()["manifests"]]
    assert entries == [("amd64", digests["linux/amd64"]), ("arm64", digests["linux/arm64"])]
    with pytest.raises(OnDemandError, match="released with another plan"):
        publish_index(shop.registry, IndexName(repository, "1.0.0", f"sha256:{'5' * 64}"), digests)
