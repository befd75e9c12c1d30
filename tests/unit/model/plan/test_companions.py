"""Companions in the plan: parts of their own, in the combinations that take them and in no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from codeopen.model.catalog.model import PopularCombination
from codeopen.model.plan.combinations import Combination, enumerate_combinations, popular_combinations
from codeopen.model.plan.context import read_contexts
from codeopen.model.plan.drawing import draw_dot, draw_mermaid, graph_data
from codeopen.model.plan.part_names import parts_named
from codeopen.model.plan.parts import BASE, PartId, PartKind, list_members, list_parts
from codeopen.model.plan.plan import BuildPlan, PlanRequest, make_plan, plan_combinations
from codeopen.model.selection.name import Release
from tests.unit.catalogs import AMD64, ARM64, make_base, make_catalog, make_companion, spec_addons, spec_flavors
from tests.unit.trees import write_tree

CUDA = make_companion("python-cuda", ("python", "polyglot"), ("gpu",))
DESKTOP = make_companion("gpu-desktop", ("python",), ("gui", "gpu"))
CATALOG = make_catalog(
    companions=[CUDA, DESKTOP], popular=(PopularCombination("python", ("gpu",), "Machine learning"),)
)
FOLDERS = ("base", "flavors/python", "flavors/js", "addons/gui", "addons/gpu", "companions/python-cuda")


def plan_of(root: Path, cuda: str = "") -> BuildPlan:
    tree = {f"dockerfiles/{folder}/Dockerfile": "FROM base\n" for folder in FOLDERS}
    tree["dockerfiles/companions/python-cuda/Dockerfile"] += cuda
    contexts = read_contexts(write_tree(root, tree), list_parts(CATALOG))
    return make_plan(CATALOG, contexts, PlanRequest(Release("localhost:5000", "codeopen", "1.0"), (AMD64,)))


def digests(plan: BuildPlan, *combinations: Combination) -> list[str]:
    return [each.digests[AMD64] for each in plan_combinations(CATALOG, plan.parts, plan.release, combinations)]


def test_it_is_a_part_on_the_base_with_a_directory_of_its_own() -> None:
    (part,) = (part for part in list_parts(CATALOG) if str(part.id) == "companion-python-cuda")
    assert (part.parent, part.takes, part.directory) == (BASE, (), "dockerfiles/companions/python-cuda")
    assert (part.repository, part.reason) == (
        "codeopen-companion-python-cuda",
        "taken by python or polyglot with gpu",
    )


def test_it_lies_on_the_last_of_its_add_ons() -> None:
    """So that all combinations with further add-ons share the layers below these."""

    def members(flavor: str, *addons: str) -> list[str]:
        return [str(part) for part in list_members(CATALOG, flavor, addons)]

    cuda = ["addon-gpu", "companion-python-cuda"]
    assert members("python", "gpu") == ["python", *cuda]
    assert members("python", "gpu", "mobile") == ["python", *cuda, "addon-mobile"]
    assert members("polyglot", "gui", "gpu", "jvm") == ["polyglot", "addon-gui", *cuda, "addon-jvm"]
    assert members("python", "gui", "gpu") == ["python", "addon-gui", *cuda, "companion-gpu-desktop"]
    assert members("js", "gui", "gpu") == ["js", "addon-gui", "addon-gpu"]
    assert members("python") == ["python"]


def test_it_changes_the_digest_of_what_takes_it_and_of_nothing_else(tmp_path: Path) -> None:
    wanted = (Combination("python", ("gpu",)), Combination("python", ("gui",)), Combination("js", ("gpu",)))
    before = digests(plan_of(tmp_path / "before"), *wanted)
    after = digests(plan_of(tmp_path / "after", cuda="RUN true\n"), *wanted)
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True, True]


def test_what_takes_one_that_nothing_builds_can_t_be_built(tmp_path: Path) -> None:
    wanted = [Combination("python", ("gui", "gpu")), Combination("python", ("gpu",))]
    plan = plan_of(tmp_path)
    found = [each.not_buildable for each in plan_combinations(CATALOG, plan.parts, plan.release, wanted)]
    assert found == [(PartId(PartKind.COMPANION, "gpu-desktop"),), ()]


def test_a_platform_that_it_lacks_is_one_that_no_combination_with_it_has() -> None:
    catalog = make_catalog(
        base=replace(make_base(), platforms=(AMD64, ARM64)),
        flavors=[replace(flavor, platforms=(ARM64,)) for flavor in spec_flavors()],
        addons=[replace(addon, platforms=(ARM64,)) for addon in spec_addons()],
        companions=[CUDA],
        popular=CATALOG.popular,
    )
    found = {(each.flavor, each.addons) for each in enumerate_combinations(catalog)}
    assert ("js", ("gpu",)) in found
    assert ("python", ("gui",)) in found
    assert ("python", ("gpu",)) not in found
    assert popular_combinations(catalog) == {}


def test_it_is_found_by_its_name_and_by_that_of_what_takes_it() -> None:
    companion = PartId(PartKind.COMPANION, "python-cuda")
    assert parts_named(CATALOG, "companion-python-cuda") == ((companion,), None)
    assert parts_named(CATALOG, "codeopen-python-gpu")[0][2] == companion


def test_it_is_drawn_as_what_it_is() -> None:
    parts = list_parts(CATALOG)
    assert ["base", "companion-python-cuda"] in graph_data(parts)["edges"]
    assert ":::companion" in draw_mermaid(parts)
    assert "classDef companion" in draw_mermaid(parts)
    assert '"companion-python-cuda" [label="Python-Cuda' in draw_dot(parts)
