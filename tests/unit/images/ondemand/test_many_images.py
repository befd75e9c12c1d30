"""Many images at once: all platforms of a stack with their index, and a whole build with parts that are missing."""

from __future__ import annotations

import json
import shutil
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from codeopen.cli import build, ensure, push
from codeopen.cli.command import Invocation
from codeopen.errors import BuildError, NoSuchEntryError, OnDemandError, TakenError
from codeopen.images.ondemand import opening
from codeopen.images.ondemand.builders.job import BuildJob, Log
from codeopen.images.ondemand.jobs import JobSource
from codeopen.images.ondemand.opening import Choices, open_bench, read_source
from codeopen.images.ondemand.parts import PartBuilds
from codeopen.images.registry.registry import Registry
from codeopen.model.plan.digest import plan_tag
from codeopen.model.plan.parts import PartId, PartKind
from tests.live import ROOT
from tests.unit.images.ondemand.shelf import PartBuilder, stock
from tests.unit.images.registry.scripted_registry import ScriptedRegistry, running

AMD64, ARM64 = "linux/amd64", "linux/arm64"
VERSION = "0.0.9-dev"
DATABASES, GUI, GO, JS = (
    PartId(PartKind.ADDON, "databases"),
    PartId(PartKind.ADDON, "gui"),
    PartId(PartKind.FLAVOR, "go"),
    PartId(PartKind.FLAVOR, "js"),
)


@dataclass
class Place:
    """A stack with an empty registry, and the commands on it."""

    registry: Registry
    source: JobSource
    builder: PartBuilder

    def run(self, command: Any, **options: Any) -> Any:
        given = {"stack": "dev", "registry": None, "platform": None, "builder": None, "no_build": False, "lock": "none"}
        given |= {"before_tag": None, "progress": "lines", "dry_run": False, **options}
        return json.loads(command.run(Invocation(Namespace(**given), ROOT / "catalog", "json")).output)

    def tags(self, name: str) -> set[str]:
        tags = self.registry.list_tags(f"codeopen/{name}")
        return {tag for tag in tags if not tag.startswith(("plan-", "sha256-"))}

    def entries(self, name: str) -> dict[str, str]:
        index = self.registry.read_manifest(f"codeopen/{name}", VERSION).parsed()
        return {entry["platform"]["architecture"]: entry["digest"] for entry in index["manifests"]}

    def digest(self, name: str, tag: str) -> str | None:
        return self.registry.find_manifest(f"codeopen/{name}", tag)


@pytest.fixture
def platforms(request: pytest.FixtureRequest) -> list[str]:
    return list(getattr(request, "param", [AMD64, ARM64]))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platforms: list[str]) -> Iterator[Place]:
    catalog = tmp_path / "catalog"
    shutil.copytree(ROOT / "catalog", catalog)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with running(ScriptedRegistry()) as started:
        values = {"catalog": str(catalog), "registry": started.host, "imageVersion": VERSION, "platforms": platforms}
        monkeypatch.setattr(opening, "read_stack_values", lambda *_: values)
        registry, source = Registry(started.host), read_source("dev", ROOT)
        builder = PartBuilder(registry, source)
        monkeypatch.setattr(opening, "choose_builder", lambda *_: builder)
        yield Place(registry, source, builder)


def stock_all(place: Place, *without: PartId) -> None:
    for platform in place.source.plan.platforms:
        stock(place.registry, place.source, platform, without)


def test_ensure_makes_every_platform_and_their_index(place: Place) -> None:
    stock_all(place)
    made = place.run(ensure, flavor="js", addon=["databases"])
    assert made["how"] == "composed"
    assert place.tags("codeopen-js-db") == {VERSION, f"{VERSION}_amd64", f"{VERSION}_arm64"}
    found = {name: place.digest("codeopen-js-db", f"{VERSION}_{name}") for name in ("amd64", "arm64")}
    assert place.entries("codeopen-js-db") == found
    assert made["reference"].endswith(f"@{place.digest('codeopen-js-db', VERSION)}")
    again = place.run(ensure, flavor="js", addon=["databases"])
    assert (again["how"], again["reference"]) == ("found", made["reference"])
    assert place.builder.jobs == []


def test_a_bare_flavor_has_an_index_too(place: Place) -> None:
    stock_all(place, GO)
    made = place.run(ensure, flavor="go", addon=[])
    assert made["how"] == "built"
    assert sorted(place.builder.jobs) == [f"go {AMD64}", f"go {ARM64}"]
    assert set(place.entries("codeopen-go")) == {"amd64", "arm64"}


def test_one_platform_alone_has_its_own_tag(place: Place) -> None:
    stock_all(place)
    place.run(ensure, flavor="js", addon=["databases"], platform=ARM64)
    assert place.tags("codeopen-js-db") == {f"{VERSION}_arm64"}


@pytest.mark.parametrize("platforms", [[ARM64]], indirect=True)
def test_a_stack_of_one_platform_has_no_index(place: Place) -> None:
    stock_all(place)
    place.run(ensure, flavor="js", addon=["databases"])
    assert place.tags("codeopen-js-db") == {VERSION}
    assert "manifests" not in place.registry.read_manifest("codeopen/codeopen-js-db", VERSION).parsed()


def test_a_build_has_parts_first_in_parallel_and_then_combinations(place: Place) -> None:
    stock_all(place, DATABASES, GUI, GO)
    rows = place.run(build, names=["go", "js-db", "js-gui", "js-db-gui"])["images"]
    assert sorted(place.builder.jobs) == sorted(
        f"{part} {platform}" for part in (DATABASES, GUI, GO) for platform in (AMD64, ARM64)
    )
    assert place.builder.most > 1
    assert [(row["name"], row["work"], row["platform"]) for row in rows] == [
        ("codeopen-go", "made", "all"),
        ("codeopen-js-db", "composed", "all"),
        ("codeopen-js-gui", "composed", "all"),
        ("codeopen-js-db-gui", "composed", "all"),
    ]
    for row in rows:
        assert row["reference"].endswith(f"@{place.digest(row['name'], VERSION)}")
        assert set(place.entries(row["name"])) == {"amd64", "arm64"}
    again = place.run(build, names=["go", "js-db", "js-gui", "js-db-gui"])["images"]
    assert [(row["work"], row["reference"]) for row in again] == [("found", row["reference"]) for row in rows]


def test_a_dry_run_tells_of_each_platform(place: Place) -> None:
    stock_all(place, GUI)
    rows = place.run(build, names=["js-gui"], dry_run=True)["images"]
    assert [(row["name"], row["work"], row["platform"]) for row in rows if row["work"] != "found"] == [
        (name, work, platform)
        for platform in (AMD64, ARM64)
        for name, work in (("codeopen-addon-gui", "build"), ("codeopen-js-gui", "compose"))
    ] + [("codeopen-js-gui", "index", "all")]
    assert place.tags("codeopen-js-gui") == set()


@pytest.fixture
def elsewhere() -> Iterator[Registry]:
    with running(ScriptedRegistry()) as started:
        yield Registry(started.host)


def test_a_push_has_every_platform_and_their_index(place: Place, elsewhere: Registry) -> None:
    stock_all(place)
    made = place.run(ensure, flavor="js", addon=["databases"])
    to, names = f"{elsewhere.host}/acme", ["js-db"]
    plan = place.run(push, names=names, to=to, dry_run=True)["images"]
    assert [(row["platform"], row["work"]) for row in plan] == [(AMD64, "copy"), (ARM64, "copy"), ("all", "copy")]
    rows = place.run(push, names=names, to=to)["images"]
    assert [row["target"].rpartition(":")[2] for row in rows] == [f"{VERSION}_amd64", f"{VERSION}_arm64", VERSION]
    assert {row["work"] for row in rows} == {"copied"}
    # Whoever looks a plan up there finds what is found here.
    assert set(elsewhere.list_tags("acme/codeopen-js-db")) == set(place.registry.list_tags("codeopen/codeopen-js-db"))
    index = elsewhere.read_manifest("acme/codeopen-js-db", VERSION)
    assert made["reference"].endswith(index.digest)
    for entry in index.parsed()["manifests"]:
        image = elsewhere.read_manifest("acme/codeopen-js-db", entry["digest"]).parsed()
        assert all(elsewhere.has_blob("acme/codeopen-js-db", layer["digest"]) for layer in image["layers"])
    again = place.run(push, names=names, to=to)["images"]
    assert {row["work"] for row in again} == {"there"}


def test_a_push_of_one_platform_leaves_the_index_tag_alone(place: Place, elsewhere: Registry) -> None:
    stock_all(place)
    place.run(ensure, flavor="js", addon=["databases"])
    (row,) = place.run(push, names=["js-db"], to=f"{elsewhere.host}/acme", platform=ARM64)["images"]
    assert row["target"].endswith(f"codeopen-js-db:{VERSION}_arm64")
    assert elsewhere.find_manifest("acme/codeopen-js-db", VERSION) is None


def test_what_lacks_its_index_is_not_pushed(place: Place, elsewhere: Registry) -> None:
    stock_all(place)
    for platform in (AMD64, ARM64):
        place.run(ensure, flavor="js", addon=["databases"], platform=platform)
    with pytest.raises(OnDemandError, match=r"has no codeopen-js-db \(index\); build first"):
        place.run(push, names=["js-db"], to=f"{elsewhere.host}/acme")
    assert elsewhere.find_manifest("acme/codeopen-js-db", f"{VERSION}_amd64") is None


def test_a_released_image_elsewhere_never_moves(
    place: Place, elsewhere: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "is_released", lambda _: True)
    stock_all(place)
    place.run(ensure, flavor="js", addon=["databases"])
    other = place.registry.read_manifest("codeopen/codeopen-js-db", f"{VERSION}_amd64")
    elsewhere.write_manifest("acme/codeopen-js-db", f"{VERSION}_arm64", other.media_type, other.content)
    with pytest.raises(TakenError, match="_arm64 is released with another image and never moves"):
        place.run(push, names=["js-db"], to=f"{elsewhere.host}/acme")
    assert elsewhere.find_manifest("acme/codeopen-js-db", f"{VERSION}_amd64") is None


def test_a_part_that_fails_is_told(place: Place) -> None:
    stock_all(place, GUI, DATABASES)
    place.builder.fails = ["addon-gui"]
    with pytest.raises(BuildError, match="addon-gui: it fails"):
        place.run(build, names=["js-gui", "js-db"])
    assert place.tags("codeopen-js-gui") == set()


@dataclass
class Workflow:
    """Builds as a workflow in CI: `codeopen build` of what it is told, while its caller holds the lock."""

    place: Place
    parts: list[str] = field(default_factory=list)

    def build(self, job: BuildJob, log: Log) -> str:
        log("started")
        self.parts.append(job.name)
        self.place.run(build, names=[job.name], platform=job.platform, lock="none")
        made = self.place.registry.find_manifest(job.repository.partition("/")[2], plan_tag(job.plan_digest))
        assert made, f"{job.name}: nobody published plan {job.plan_digest}"
        return made


def test_a_workflow_builds_whatever_part_or_chain_it_is_told(place: Place) -> None:
    stock_all(place, GUI)
    workflow = Workflow(place)
    with open_bench("dev", ROOT, Choices()) as bench:
        parts = PartBuilds(bench.source, bench.tools, workflow)
        for members in ((JS, GUI, DATABASES), (GUI, DATABASES)):
            assert "@sha256:" in parts.ensure_chain(members, AMD64, lambda _: None)
    assert workflow.parts == ["addon-gui", "js+addon-gui", "js+addon-gui+addon-databases", "addon-gui+addon-databases"]
    (row,) = place.run(build, names=["addon-gui+addon-databases"], platform=AMD64, dry_run=True)["images"]
    assert (row["name"], row["work"]) == ("codeopen-chain-addon-gui-addon-databases", "found")


@pytest.mark.parametrize("name", ["js+nothing", "js+", "+"])
def test_a_chain_of_what_is_no_part_is_refused(place: Place, name: str) -> None:
    with pytest.raises(NoSuchEntryError, match="the catalog has none of that name"):
        place.run(build, names=[name])
