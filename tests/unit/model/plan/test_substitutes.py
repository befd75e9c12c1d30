"""What stands in for upstreams: built in their place, pinned by its own plan, and told to the checks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from codeopen.errors import PlanError
from codeopen.model.catalog.model import Catalog, CommandCheck, Substitute, Upstream, UpstreamKind
from codeopen.model.plan.context import read_contexts
from codeopen.model.plan.digest import UpstreamPin
from codeopen.model.plan.parts import PartId, PartKind, list_builds
from codeopen.model.plan.plan import BuildPlan, PlanRequest, make_plan
from codeopen.model.plan.substitutes import checks_in_force
from codeopen.model.selection.name import Release
from tests.unit.catalogs import AMD64, make_catalog, make_flavor
from tests.unit.trees import write_tree

RELEASE = Release("localhost:5000", "codeopen", "0.0.2")
GO = PartId(PartKind.FLAVOR, "go")
DIGEST = "sha256:" + "0" * 64
TREE = {
    "dockerfiles/base/Dockerfile": "FROM ubuntu\n",
    "dockerfiles/flavors/go/Dockerfile": "FROM base\n",
    "dockerfiles/flavors/polyglot/Dockerfile": "FROM go\n",
    "dockerfiles/substitutes/go/Dockerfile": "FROM tools\n",
    "dockerfiles/substitutes/tools/Dockerfile": "FROM ubuntu\n",
}


def upstream(name: str, kind: UpstreamKind = UpstreamKind.IMAGE, *uses: str, **facts: Any) -> Upstream:
    substitute = Substitute("1.0-own", "made here", uses, MappingProxyType(facts.get("outputs", {})), ("gone",))
    return Upstream(name, kind, "", "1.0", f"example.com/{name}:1.0", DIGEST, "MIT", substitute)


def catalog_with(*upstreams: Upstream) -> Catalog:
    go = replace(make_flavor("go", 1), upstreams=("go",))
    polyglot = replace(make_flavor("polyglot", 2), takes=("go",), upstreams=())
    catalog = make_catalog(flavors=(polyglot, go), addons=())
    return replace(catalog, upstreams={**catalog.upstreams, **{each.id: each for each in upstreams}})


CATALOG = catalog_with(
    upstream("go", UpstreamKind.FILE, "tools", "ubuntu"), upstream("tools", UpstreamKind.IMAGE, "ubuntu")
)


def plan_of(root: Path, *, substitutes: bool = True, **overrides: UpstreamPin) -> BuildPlan:
    request = PlanRequest(RELEASE, (AMD64,), MappingProxyType(overrides), substitutes)
    return make_plan(CATALOG, read_contexts(root, list_builds(CATALOG)), request)


def pin_of_go(plan: BuildPlan) -> UpstreamPin:
    (pin,) = next(planned for planned in plan.parts if planned.part.id == GO).upstreams
    return pin


def digest(plan: BuildPlan, name: str) -> str:
    return next(planned.digests[AMD64] for planned in (*plan.substitutes, *plan.parts) if str(planned.part.id) == name)


def test_a_substitute_is_built_before_what_uses_it_and_pinned_by_its_plan(tmp_path: Path) -> None:
    plan = plan_of(write_tree(tmp_path, TREE))
    assert [str(planned.part.id) for planned in plan.substitutes] == ["substitute-tools", "substitute-go"]
    pin = pin_of_go(plan)
    assert (pin.reference, pin.version) == ("dockerfiles/substitutes/go", "1.0-own")
    assert pin.digest.startswith("sha256:")
    assert pin.digest != DIGEST
    assert set(plan.substituted) == {"go", "tools"}


@pytest.mark.parametrize("name", ["tools", "go"])
def test_a_changed_substitute_changes_what_is_built_with_it_and_no_more(tmp_path: Path, name: str) -> None:
    before = plan_of(write_tree(tmp_path, TREE))
    (tmp_path / f"dockerfiles/substitutes/{name}/Dockerfile").write_text("FROM ubuntu\nRUN true\n")
    after = plan_of(tmp_path)
    changed = {part for part in ("base", "go", "polyglot") if digest(before, part) != digest(after, part)}
    assert changed == {"go", "polyglot"}


def test_other_stacks_take_the_catalogs_pin_and_get_its_address(tmp_path: Path) -> None:
    plan = plan_of(write_tree(tmp_path, TREE), substitutes=False)
    assert (plan.substitutes, dict(plan.substituted)) == ((), {})
    assert pin_of_go(plan) == UpstreamPin("go", "example.com/go:1.0", "1.0", DIGEST)
    go = next(planned for planned in plan.parts if planned.part.id == GO)
    arguments = dict(go.inputs[AMD64].build_arguments)
    assert (arguments["GO_URL"], arguments["GO_DIGEST"]) == ("example.com/go:1.0", DIGEST)


def test_a_substituted_file_has_no_address(tmp_path: Path) -> None:
    plan = plan_of(write_tree(tmp_path, TREE))
    go = next(planned for planned in plan.parts if planned.part.id == GO)
    assert "GO_URL" not in dict(go.inputs[AMD64].build_arguments)


@pytest.mark.parametrize(("version", "in_force"), [("1.0-own", True), ("1.0-site", False)])
def test_a_mirror_comes_first_and_counts_as_the_substitute_by_its_version(
    tmp_path: Path, version: str, *, in_force: bool
) -> None:
    plan = plan_of(write_tree(tmp_path, TREE), go=UpstreamPin("go", "mirror/go", version, DIGEST))
    assert [str(planned.part.id) for planned in plan.substitutes] == ["substitute-tools"]
    assert pin_of_go(plan).reference == "mirror/go"
    assert ("go" in plan.substituted) is in_force


def test_a_substitute_without_a_dockerfile_is_refused_by_its_path(tmp_path: Path) -> None:
    tree = {path: text for path, text in TREE.items() if "substitutes/go" not in path}
    with pytest.raises(PlanError, match="dockerfiles/substitutes/go/Dockerfile is missing"):
        plan_of(write_tree(tmp_path, tree))


def test_a_taken_flavor_is_built_before_and_its_digest_counts(tmp_path: Path) -> None:
    plan = plan_of(write_tree(tmp_path, TREE))
    assert [str(planned.part.id) for planned in plan.parts] == ["base", "go", "polyglot"]
    polyglot = plan.parts[-1].inputs[AMD64]
    assert polyglot.takes == (("go", digest(plan, "go")),)


def test_checks_say_what_the_substitute_says_and_leave_out_what_it_leaves_out() -> None:
    version, gone = CommandCheck("go", ("go", "version"), "1.22"), CommandCheck("gone", ("gcloud",), "x")
    substitute = upstream("go", outputs={"go": "1.19"}).substitute
    assert substitute
    found = checks_in_force((version, gone), {"go": substitute})
    assert found.checks == (replace(version, output="1.19"),)
    assert dict(found.left_out) == {"gone": "go: made here"}
    assert checks_in_force((version, gone), {}).checks == (version, gone)
