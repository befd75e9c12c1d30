"""What is tried for which names, in which order, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codeopen.authoring.part_test.target import Untried, expect, find_targets
from codeopen.errors import CodeOpenError
from codeopen.model.catalog.model import Status
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.context import read_contexts
from codeopen.model.plan.parts import list_builds
from codeopen.model.plan.plan import BuildPlan, PlanRequest, make_plan
from codeopen.model.selection.name import Release
from tests.unit.catalogs import AMD64, make_catalog, make_companion, spec_addons, spec_flavors
from tests.unit.trees import write_tree

FLAVORS = [replace(each, takes=("rust",) if each.id == "polyglot" else ()) for each in spec_flavors()]
FLAVORS[4] = replace(FLAVORS[4], platforms=("linux/arm64",))
COMPANIONS = (make_companion("extra", ("js", "rust"), ("gui",)), make_companion("other", ("js",), ("code-server",)))
CATALOG = make_catalog(flavors=FLAVORS, addons=spec_addons(), companions=COMPANIONS)
BUILDABLE = (
    "base",
    "flavors/js",
    "flavors/python",
    "flavors/fullstack",
    "flavors/polyglot",
    "addons/gui",
    "addons/code-server",
    "companions/extra",
)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> BuildPlan:
    tree = {f"dockerfiles/{folder}/Dockerfile": "FROM x\n" for folder in (*BUILDABLE, "addons/mobile")}
    root = write_tree(tmp_path_factory.mktemp("root"), tree)
    request = PlanRequest(Release("localhost:5000", "codeopen", "1.0"), (AMD64,))
    return make_plan(CATALOG, read_contexts(root, list_builds(CATALOG)), request)


def test_without_names_all_parts_are_tried_in_the_order_of_building(plan: BuildPlan) -> None:
    found = find_targets(CATALOG, plan, [])
    assert [target.name for target in found.targets] == [
        *("base", "js", "python", "addon-gui", "addon-code-server", "js-gui")
    ]
    assert [target.specified_mb for target in found.targets] == [500, 800, 800, None, None, None]
    reasons = {untried.name: untried.reason for untried in found.untried}
    assert reasons["rust"] == reasons["addon-cloud"] == "has no Dockerfile"
    assert reasons["addon-mobile"] == "is planned: the catalog lists it, and nothing builds it yet"
    assert reasons["polyglot"] == "is built on a part that can't be built"
    assert reasons["fullstack"] == "is not built for linux/amd64"
    assert len(found.targets) + len(found.untried) == len(plan.parts)


def test_names_are_those_that_people_use_and_combinations_come_last(plan: BuildPlan) -> None:
    found = find_targets(CATALOG, plan, ["python-code-gui", "gui", "addon-gui", "codeopen-js", "python-gui"])
    assert [target.name for target in found.targets] == ["js", "addon-gui", "python-code-gui", "python-gui"]
    combination = found.targets[2]
    assert combination.combination == Combination("python", ("gui", "code-server"))
    assert (str(combination.part), combination.specified_mb) == ("python", None)


def test_what_can_t_be_built_is_told_with_the_part_that_is_missing(plan: BuildPlan) -> None:
    assert find_targets(CATALOG, plan, ["js-gpu", "rust"]).untried == (
        Untried("rust", "has no Dockerfile"),
        Untried("js-gpu", "addon-gpu has no Dockerfile"),
    )


def test_a_companion_is_tried_in_the_smallest_image_that_takes_it(plan: BuildPlan) -> None:
    found = find_targets(CATALOG, plan, ["companion-extra", "companion-other"])
    (target,) = found.targets
    assert (target.name, str(target.part), target.combination) == ("js-gui", "js", Combination("js", ("gui",)))
    assert found.untried == (Untried("js-code", "companion-other has no Dockerfile"),)


def test_an_unknown_name_is_told_with_the_closest(plan: BuildPlan) -> None:
    with pytest.raises(CodeOpenError, match="gui"):
        find_targets(CATALOG, plan, ["guy"])


def test_each_target_is_expected_to_be_itself(plan: BuildPlan) -> None:
    found = find_targets(CATALOG, plan, ["js", "js-gui"])
    assert [expect(CATALOG, plan, target).name for target in found.targets] == ["js", "js-gui"]


def test_planned_parts_stay_planned() -> None:
    assert CATALOG.addons["mobile"].status is Status.PLANNED
