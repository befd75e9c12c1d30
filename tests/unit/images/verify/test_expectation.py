"""What an image must be, computed from the catalog and the plan: it inherits from all of its parts."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from codeopen.images.verify.expectation import Expectation, expect_combination, expect_part
from codeopen.model.catalog.model import CommandCheck, Flavor, Substitute
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.context import read_contexts
from codeopen.model.plan.parts import BASE, PartId, PartKind, list_builds
from codeopen.model.plan.plan import BuildPlan, PlanRequest, make_plan
from codeopen.model.selection.name import Release
from tests.unit.catalogs import AMD64, make_catalog, make_companion, spec_addons, spec_flavors
from tests.unit.trees import write_tree

SUBSTITUTE = Substitute(
    version="own",
    note="Debian",
    upstreams=("packages",),
    outputs=MappingProxyType({"git": "2.0"}),
    without=("polyglot",),
)


def flavor(each: Flavor) -> Flavor:
    if each.id == "go":
        return replace(each, upstreams=("golang",))
    return replace(each, takes=("go", "js")) if each.id == "polyglot" else each


CATALOG = make_catalog(flavors=[flavor(each) for each in spec_flavors()], addons=spec_addons())
CATALOG = replace(
    CATALOG,
    addons=MappingProxyType(
        {
            name: replace(addon, checks=(CommandCheck(f"{name}-check", (name,), "1"),), upstreams=("packages",))
            for name, addon in CATALOG.addons.items()
        }
    ),
)
CATALOG = replace(
    CATALOG,
    upstreams=MappingProxyType(
        {**CATALOG.upstreams, "golang": replace(CATALOG.upstreams["ubuntu"], id="golang", version="1.22")}
    ),
)
GUI = PartId(PartKind.ADDON, "gui")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> BuildPlan:
    folders = ("base", *(f"flavors/{each}" for each in ("js", "go", "polyglot")), "addons/gui", "addons/databases")
    root = write_tree(
        tmp_path_factory.mktemp("root"), {f"dockerfiles/{each}/Dockerfile": "FROM x\n" for each in folders}
    )
    request = PlanRequest(Release("localhost:5000", "codeopen", "1.0"), (AMD64,))
    made = make_plan(CATALOG, read_contexts(root, list_builds(CATALOG)), request)
    return replace(made, substituted=MappingProxyType({"ubuntu": SUBSTITUTE}))


def names(expected: Expectation) -> list[str]:
    return [f"{part}:{check.name}" for part, check in expected.checks]


def test_an_addon_inherits_the_base_s(plan: BuildPlan) -> None:
    expected = expect_part(CATALOG, plan, GUI, AMD64)
    assert (expected.name, expected.title, expected.version) == ("addon-gui", "codeopen-addon-gui", "1.0")
    assert names(expected) == ["base:git", "base:opencode", "addon-gui:gui-check"]
    assert [port.port for port in expected.ports] == [4096, 4097, 6080]
    assert dict(expected.env) == {"DISPLAY": ":1", "OPENCODE_PORT": "4096", "ACP_GATEWAY_PORT": "4097"}
    assert expected.accounts == CATALOG.base.accounts
    planned = next(each for each in plan.parts if each.part.id == GUI)
    assert expected.plan_digest == planned.digests[AMD64]


def test_the_base_inherits_nothing(plan: BuildPlan) -> None:
    expected = expect_part(CATALOG, plan, BASE, AMD64)
    assert names(expected) == ["base:git", "base:opencode"]
    assert dict(expected.upstreams) == {"ubuntu": "24.04", "packages": "20261101"}


def test_a_flavor_inherits_from_those_that_it_takes(plan: BuildPlan) -> None:
    expected = expect_part(CATALOG, plan, PartId(PartKind.FLAVOR, "polyglot"), AMD64)
    assert names(expected) == ["base:git", "base:opencode", "go:go", "js:js"]
    assert dict(expected.left_out) == {"polyglot": "ubuntu: Debian"}
    assert dict(expected.upstreams) == {"ubuntu": "24.04", "packages": "20261101", "golang": "1.22"}


def test_a_combination_inherits_from_all_of_its_parts(plan: BuildPlan) -> None:
    expected = expect_combination(CATALOG, plan, Combination("js", ("gui", "databases")), AMD64)
    assert (expected.name, expected.title) == ("js-db-gui", "codeopen-js-db-gui")
    assert names(expected) == [
        "base:git",
        "base:opencode",
        "js:js",
        "addon-gui:gui-check",
        "addon-databases:databases-check",
    ]
    assert [port.port for port in expected.ports] == [4096, 4097, 6080]
    assert expected.plan_digest.startswith("sha256:")


def test_checks_say_what_the_stand_in_says(plan: BuildPlan) -> None:
    expected = expect_part(CATALOG, plan, BASE, AMD64)
    (check,) = [check for _, check in expected.checks if check.name == "git"]
    assert isinstance(check, CommandCheck)
    assert check.output == "2.0"
    assert dict(expected.substitutes) == {"ubuntu": "Debian"}


def test_a_companion_s_checks_stand_in_the_place_of_those_that_it_replaces(plan: BuildPlan) -> None:
    companion = replace(make_companion("extra", ("js",), ("gui",)), replaces=("js", "gui-check"))
    catalog = replace(CATALOG, companions=MappingProxyType({"extra": companion}))
    taken = next(part for part in list_builds(catalog) if str(part.id) == "companion-extra")
    of_gui = next(each for each in plan.parts if each.part.id == GUI)
    with_it = replace(plan, parts=(*plan.parts, replace(of_gui, part=taken)))
    expected = expect_combination(catalog, with_it, Combination("js", ("gui", "databases")), AMD64)
    assert names(expected) == [
        "base:git",
        "base:opencode",
        "companion-extra:extra-check",
        "addon-databases:databases-check",
    ]
    assert names(expect_part(catalog, with_it, GUI, AMD64))[-1] == "addon-gui:gui-check", "not where it is alone"
