from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from codeopen.errors import ImageNameError, PlanError
from codeopen.model.catalog.model import Catalog, PopularCombination, Source, Status, Upstream, UpstreamKind
from codeopen.model.plan.combinations import enumerate_combinations
from codeopen.model.plan.context import Context, ContextFile, read_contexts
from codeopen.model.plan.digest import UpstreamPin
from codeopen.model.plan.matrix import make_matrix
from codeopen.model.plan.parts import BASE, PartId, PartKind, list_parts
from codeopen.model.plan.plan import BuildPlan, PlanRequest, make_plan, plan_combinations
from codeopen.model.plan.state import PartState
from codeopen.model.selection.name import Release
from tests.unit.catalogs import AMD64, ARM64, make_base, make_catalog, make_flavor, spec_addons, spec_flavors
from tests.unit.trees import umask, write_tree

RELEASE = Release("localhost:5000", "codeopen", "0.0.2")
REQUEST = PlanRequest(RELEASE)
JS, GUI = PartId(PartKind.FLAVOR, "js"), PartId(PartKind.ADDON, "gui")
POPULAR = (PopularCombination("js", ("gui",), "often asked for"), PopularCombination("python", (), ""))
CATALOG = make_catalog(popular=POPULAR)
TREE = {
    "dockerfiles/base/Dockerfile": "FROM ubuntu\nCOPY . /\n",
    "dockerfiles/base/README.md": "# Base\n",
    "dockerfiles/base/scripts/run.sh": "#!/bin/sh\n",
    "dockerfiles/flavors/js/Dockerfile": "FROM base\n",
    "dockerfiles/flavors/js/tools.json": "{}",
    "dockerfiles/addons/gui/Dockerfile": "FROM base\nRUN true\n",
    "dockerfiles/addons/gui/config/openbox": "x",
}


def plan_of(root: Path, catalog: Catalog = CATALOG, platforms: tuple[str, ...] = (AMD64,)) -> BuildPlan:
    return make_plan(catalog, read_contexts(root, list_parts(catalog)), PlanRequest(RELEASE, platforms))


def digests(plan: BuildPlan) -> dict[str, str]:
    found = {str(planned.part.id): planned.digests[AMD64] for planned in plan.parts if planned.buildable}
    return found | {str(planned.image): planned.digests[AMD64] for planned in plan.popular if planned.digests}


def changed_parts(before: BuildPlan, after: BuildPlan) -> set[str]:
    old, new = digests(before), digests(after)
    assert old.keys() == new.keys()
    return {name for name in old if old[name] != new[name]}


COMBINATION = "localhost:5000/codeopen/codeopen-js-gui:0.0.2"


@pytest.mark.parametrize("path", TREE)
def test_a_changed_byte_changes_its_part_and_what_stands_on_it_and_nothing_else(tmp_path: Path, path: str) -> None:
    before = plan_of(write_tree(tmp_path, TREE))
    content = bytearray((tmp_path / path).read_bytes())
    content[-1] ^= 1
    (tmp_path / path).write_bytes(content)
    expected = {
        "base": {"base", "js", "addon-gui", COMBINATION},
        "flavors": {"js", COMBINATION},
        "addons": {"addon-gui", COMBINATION},
    }[path.split("/")[1]]
    assert changed_parts(before, plan_of(tmp_path)) == (set() if path.endswith("README.md") else expected)


def test_checkouts_at_other_places_under_other_umasks_have_the_same_plan(tmp_path: Path) -> None:
    with umask(0o022):
        one = write_tree(tmp_path / "one", TREE)
    with umask(0o077):
        other = write_tree(tmp_path / "an/other", dict(reversed(TREE.items())))
    assert plan_of(one) == plan_of(other)


def test_parts_come_in_topological_order_with_their_references() -> None:
    plan = make_plan(CATALOG, {}, REQUEST)
    assert [str(planned.part.id) for planned in plan.parts[:3]] == ["base", "js", "python"]
    assert len(plan.parts) == 1 + 6 + 8
    by_id = {planned.part.id: planned for planned in plan.parts}
    assert by_id[GUI].reference == "localhost:5000/codeopen/codeopen-addon-gui:0.0.2"
    assert by_id[GUI].part.directory == "dockerfiles/addons/gui"
    assert by_id[JS].part.directory == "dockerfiles/flavors/js"
    assert by_id[BASE].part.directory == "dockerfiles/base"


def test_each_part_says_why_it_cannot_be_built(tmp_path: Path) -> None:
    catalog = make_catalog(flavors=(*spec_flavors(), replace(make_flavor("arm"), platforms=(ARM64,))))
    tree = {
        **TREE,
        "dockerfiles/addons/mobile/Dockerfile": "",
        "dockerfiles/flavors/arm/Dockerfile": "",
    }
    states = {str(p.part.id): p.state for p in plan_of(write_tree(tmp_path, tree), catalog).parts}
    assert {name for name, state in states.items() if state is PartState.BUILDABLE} == {"base", "js", "addon-gui"}
    assert states["python"] is PartState.NO_DOCKERFILE
    assert states["addon-mobile"] is PartState.PLANNED
    assert states["arm"] is PartState.NO_PLATFORM


def test_a_file_is_the_one_of_each_platform(tmp_path: Path) -> None:
    catalog = make_catalog(
        base=replace(make_base(), platforms=(AMD64, ARM64)),
        flavors=[replace(make_flavor("js"), platforms=(AMD64, ARM64), upstreams=("tool",))],
    )
    files = {AMD64: Source("https://a/amd64", "sha256:1"), ARM64: Source("https://a/arm64", "sha256:2")}
    tool = Upstream("tool", UpstreamKind.FILE, "", "1", "", "", "MIT", None, files=files)
    catalog = replace(catalog, upstreams={**catalog.upstreams, "tool": tool})
    plan = plan_of(write_tree(tmp_path, TREE), catalog, platforms=(ARM64, AMD64))
    js = next(planned for planned in plan.parts if planned.part.id == JS)
    for platform, source in files.items():
        arguments = dict(js.inputs[platform].build_arguments)
        assert (arguments["TOOL_URL"], arguments["TOOL_DIGEST"]) == (source.reference, source.digest)
        assert js.inputs[platform].upstreams == (UpstreamPin("tool", source.reference, "1", source.digest),)


def test_a_part_says_for_each_platform_why_it_is_not_built(tmp_path: Path) -> None:
    catalog = make_catalog(
        base=replace(make_base(), platforms=(AMD64, ARM64)),
        flavors=[replace(make_flavor("js"), not_for={ARM64: "no js there"}), make_flavor("python")],
    )
    by_id = {p.part.id: p for p in plan_of(write_tree(tmp_path, TREE), catalog, platforms=(AMD64, ARM64)).parts}
    assert by_id[JS].buildable
    assert by_id[JS].why_not == {ARM64: "is not built for linux/arm64: no js there"}
    assert (by_id[JS].state_on(AMD64), by_id[JS].state_on(ARM64)) == (PartState.BUILDABLE, PartState.NO_PLATFORM)
    assert by_id[JS].reason("linux/s390x").endswith("which is not among codeopen:platforms")
    assert not by_id[BASE].why_not


def test_nothing_stands_on_a_base_that_cannot_be_built(tmp_path: Path) -> None:
    tree = {path: content for path, content in TREE.items() if "/base/" not in path}
    by_id = {p.part.id: p for p in plan_of(write_tree(tmp_path, tree)).parts}
    assert by_id[BASE].state is PartState.NO_DOCKERFILE
    assert by_id[JS].state is PartState.PARENT_NOT_BUILDABLE
    assert not by_id[JS].inputs
    assert not by_id[JS].digests


def test_inputs_are_kept_for_explanation(tmp_path: Path) -> None:
    by_id = {p.part.id: p for p in plan_of(write_tree(tmp_path, TREE)).parts}
    inputs = by_id[JS].inputs[AMD64]
    assert inputs.parent == by_id[BASE].digests[AMD64]
    assert [file.path for file in inputs.files] == ["tools.json"]
    epoch = ("SOURCE_DATE_EPOCH", "315532800")
    assert inputs.build_arguments == (("CODEOPEN_HEALTH", ""), ("CODEOPEN_PART", "js"), epoch)
    assert [pin.id for pin in by_id[BASE].inputs[AMD64].upstreams] == ["packages", "ubuntu"]
    assert dict(by_id[BASE].inputs[AMD64].build_arguments)["CODEOPEN_HEALTH"].startswith(
        "opencode\tOPENCODE_PORT=4096\t"
    )
    assert dict(by_id[GUI].inputs[AMD64].build_arguments)["CODEOPEN_PART"] == "addon-gui"


def test_an_override_counts_for_the_parts_that_use_the_upstream(tmp_path: Path) -> None:
    catalog = make_catalog(popular=POPULAR, addons=[replace(a, upstreams=()) for a in spec_addons()])
    catalog = replace(catalog, base=replace(catalog.base, upstreams=("ubuntu",)))
    contexts = read_contexts(write_tree(tmp_path, TREE), list_parts(catalog))
    pin = UpstreamPin("packages", "mirror/packages", "other", "sha256:" + "1" * 64)
    overridden = make_plan(catalog, contexts, PlanRequest(RELEASE, upstreams=MappingProxyType({"packages": pin})))
    assert changed_parts(make_plan(catalog, contexts, REQUEST), overridden) == {"js", COMBINATION}
    assert {p.part.id: p for p in overridden.parts}[JS].upstreams == (pin,)


def test_the_catalog_s_texts_and_prices_rebuild_nothing(tmp_path: Path) -> None:
    other = make_catalog(
        base=replace(CATALOG.base, estimated_size_mb=1, specified_size_mb=None),
        popular=POPULAR,
        flavors=[replace(f, description="other", estimated_size_mb=1, specified_size_mb=None) for f in spec_flavors()],
        addons=[replace(a, monthly_price_cents=1, estimated_size_mb=1) for a in spec_addons()],
    )
    write_tree(tmp_path, TREE)
    assert changed_parts(plan_of(tmp_path), plan_of(tmp_path, other)) == set()


def test_moving_the_images_rebuilds_nothing(tmp_path: Path) -> None:
    contexts = read_contexts(write_tree(tmp_path, TREE), list_parts(CATALOG))
    here, there = (
        make_plan(CATALOG, contexts, PlanRequest(release)) for release in (RELEASE, Release("ghcr.io", "team", "9"))
    )
    assert [p.digests for p in here.parts] == [p.digests for p in there.parts]
    assert [p.digests for p in here.popular] == [p.digests for p in there.popular]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda r: replace(r, platforms=()), "no platform"),
        (lambda r: replace(r, platforms=("linux/amd46",)), "did you mean 'linux/amd64'"),
        (lambda r: replace(r, upstreams={"ubunut": UpstreamPin("ubunut", "", "", "")}), "did you mean 'ubuntu'"),
        (lambda r: replace(r, upstreams={"ubuntu": UpstreamPin("node", "", "", "")}), "is a pin of 'node'"),
    ],
)
def test_an_unusable_request_is_refused(change: Callable[[PlanRequest], PlanRequest], says: str) -> None:
    with pytest.raises(PlanError, match=says):
        make_plan(CATALOG, {}, change(REQUEST))


def test_an_unusable_release_is_refused() -> None:
    with pytest.raises(ImageNameError, match="is not an owner"):
        make_plan(CATALOG, {}, PlanRequest(replace(RELEASE, owner="No")))


def test_combinations_know_what_they_wait_for(tmp_path: Path) -> None:
    with_gui, python = plan_of(write_tree(tmp_path, TREE)).popular
    assert (str(with_gui.image), with_gui.parts, with_gui.not_buildable) == (COMBINATION, (JS, GUI), ())
    assert python.not_buildable == (PartId(PartKind.FLAVOR, "python"),)
    assert python.digests == {}


def everything_buildable(addons_available: bool) -> tuple[Catalog, Mapping[PartId, Context]]:  # noqa: FBT001  one switch
    status = Status.AVAILABLE if addons_available else Status.PLANNED
    both = (AMD64, ARM64)
    catalog = make_catalog(
        base=replace(make_base(), platforms=both),
        flavors=[replace(f, platforms=both) for f in spec_flavors()],
        addons=[
            replace(a, platforms=both, status=a.status if a.status is Status.AVAILABLE else status)
            for a in spec_addons()
        ],
    )
    file = ContextFile("Dockerfile", "sha256:00", 1, executable=False)
    return catalog, {part.id: Context(file, ()) for part in list_parts(catalog)}


@pytest.mark.parametrize(
    ("planned_too", "platforms", "count", "seconds"), [(False, (AMD64,), 192, 0.1), (True, (AMD64, ARM64), 1536, 1.0)]
)
def test_planning_every_combination_is_fast(
    planned_too: bool,  # noqa: FBT001  a parameter of the table above
    platforms: tuple[str, ...],
    count: int,
    seconds: float,
) -> None:
    catalog, contexts = everything_buildable(planned_too)
    times = []
    for _ in range(3):
        start = time.process_time()
        plan = make_plan(catalog, contexts, PlanRequest(RELEASE, platforms))
        planned = list(plan_combinations(catalog, plan.parts, RELEASE, enumerate_combinations(catalog)))
        times.append(time.process_time() - start)
    assert len(planned) == count
    assert len({digest for each in planned for digest in each.digests.values()}) == count * len(platforms)
    assert min(times) < seconds


def test_the_matrix_has_a_row_for_each_image_and_platform(tmp_path: Path) -> None:
    plan = plan_of(write_tree(tmp_path, TREE))
    matrix = make_matrix(plan)
    assert json.loads(json.dumps(matrix)) == matrix, "of JSON types only"
    base, others = (stage["include"] for stage in matrix["stages"])
    assert [row["part"] for row in base] == ["base"]
    assert {row["part"] for row in others} == {str(p.part.id) for p in plan.parts} - {"base"}
    assert {row["part"] for row in (*base, *others) if row["plan_digest"]} == {"base", "js", "addon-gui"}
    with_gui, python = matrix["combinations"]["include"]
    assert (with_gui["image"], with_gui["parts"], with_gui["buildable"]) == (COMBINATION, ["js", "addon-gui"], True)
    assert with_gui["plan_digest"] == plan.popular[0].digests[AMD64]
    assert (python["buildable"], python["not_buildable"], python["plan_digest"]) == (False, ["python"], None)


def test_the_matrix_of_two_platforms_has_a_row_for_each() -> None:
    catalog, contexts = everything_buildable(addons_available=False)
    matrix = make_matrix(make_plan(catalog, contexts, PlanRequest(RELEASE, (AMD64, ARM64))))
    rows = [row for stage in matrix["stages"] for row in stage["include"] if row["buildable"]]
    assert len(rows) == len({(row["part"], row["platform"]) for row in rows}) == 2 * (1 + 6 + 5)
    assert len({row["plan_digest"] for row in rows}) == len(rows)
