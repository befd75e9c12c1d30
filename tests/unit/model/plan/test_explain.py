from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codeopen.errors import CodeOpenError
from codeopen.model.catalog.model import Base, Catalog, CommandCheck, PortCheck, Status
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.context import read_contexts
from codeopen.model.plan.explain import ChangeKind, explain_change, explain_order, show_digest
from codeopen.model.plan.part_names import parts_named
from codeopen.model.plan.parts import BASE, PartId, PartKind, list_parts
from codeopen.model.plan.plan import PlannedPart, PlanRequest, make_plan
from codeopen.model.selection.name import Release
from tests.unit.catalogs import AMD64, ARM64, make_catalog, make_flavor, spec_addons, spec_flavors
from tests.unit.trees import write_tree

JS, GUI = PartId(PartKind.FLAVOR, "js"), PartId(PartKind.ADDON, "gui")
DATABASES = PartId(PartKind.ADDON, "databases")
CATALOG = make_catalog()
TREE = {
    "dockerfiles/base/Dockerfile": "FROM ubuntu\n",
    "dockerfiles/base/README.md": "# Base\n",
    "dockerfiles/base/entrypoint.sh": "#!/bin/sh\n",
    "dockerfiles/flavors/js/Dockerfile": "FROM base\n",
    "dockerfiles/flavors/js/tools.json": "{}",
    "dockerfiles/addons/gui/Dockerfile": "FROM base\nRUN true\n",
}
Plan = Mapping[PartId, PlannedPart]


def changed(path: str, old: str, new: str) -> str:
    short = [hashlib.sha256(text.encode()).hexdigest()[:8] for text in (old, new)]
    return f"{path} changed ({short[0]}… → {short[1]}…)"


def plan_of(root: Path, catalog: Catalog = CATALOG) -> Plan:
    request = PlanRequest(Release("localhost:5000", "codeopen", "1"))
    return {p.part.id: p for p in make_plan(catalog, read_contexts(root, list_parts(catalog)), request).parts}


def texts(before: Plan, after: Plan, part: PartId) -> list[str]:
    return [str(change) for change in explain_change(before, after, part, AMD64)]


def edited(root: Path, edit: Callable[[Path], object]) -> tuple[Plan, Plan]:
    before = plan_of(write_tree(root, TREE))
    edit(root / "dockerfiles")
    return before, plan_of(root)


EDITS: list[tuple[Callable[[Path], object], str, ChangeKind]] = [
    (
        lambda d: (d / "flavors/js/Dockerfile").write_text("FROM base\nUSER root\n"),
        changed("dockerfiles/flavors/js/Dockerfile", "FROM base\n", "FROM base\nUSER root\n"),
        ChangeKind.DOCKERFILE,
    ),
    (
        lambda d: (d / "flavors/js/tools.json").write_text("[]"),
        changed("dockerfiles/flavors/js/tools.json", "{}", "[]"),
        ChangeKind.FILE,
    ),
    (
        lambda d: (d / "flavors/js/tools.json").chmod(0o755),
        "dockerfiles/flavors/js/tools.json became executable",
        ChangeKind.FILE,
    ),
    (
        lambda d: (d / "flavors/js/tools.json").unlink(),
        "dockerfiles/flavors/js/tools.json was removed",
        ChangeKind.FILE,
    ),
    (
        lambda d: write_tree(d, {"flavors/js/a/b": ""}),
        "dockerfiles/flavors/js/a/b was added",
        ChangeKind.FILE,
    ),
]


@pytest.mark.parametrize(("edit", "says", "kind"), EDITS)
def test_an_edit_in_the_context_is_named_with_its_file(
    tmp_path: Path, edit: Callable[[Path], object], says: str, kind: ChangeKind
) -> None:
    before, after = edited(tmp_path, edit)
    (change,) = explain_change(before, after, JS, AMD64)
    assert (str(change), change.kind) == (says, kind)
    assert texts(before, after, GUI) == texts(before, after, BASE) == []
    assert texts(after, after, JS) == []


def test_a_file_that_becomes_a_link_and_one_that_is_executable_no_more(tmp_path: Path) -> None:
    (write_tree(tmp_path, TREE) / "dockerfiles/flavors/js/run").write_text("x")
    (tmp_path / "dockerfiles/flavors/js/run").chmod(0o700)
    before = plan_of(tmp_path)
    (tmp_path / "dockerfiles/flavors/js/run").chmod(0o600)
    (tmp_path / "dockerfiles/flavors/js/tools.json").unlink()
    (tmp_path / "dockerfiles/flavors/js/tools.json").symlink_to("run")
    assert texts(before, plan_of(tmp_path), JS) == [
        "dockerfiles/flavors/js/run is not executable any more",
        "dockerfiles/flavors/js/tools.json was a file and is a link to run",
    ]


def test_a_change_of_the_parent_is_followed_to_its_causes(tmp_path: Path) -> None:
    def edit(folder: Path) -> None:
        (folder / "base/entrypoint.sh").write_text("other")
        (folder / "base/new").write_text("")

    before, after = edited(tmp_path, edit)
    (change,) = explain_change(before, after, JS, AMD64)
    script = changed("dockerfiles/base/entrypoint.sh", "#!/bin/sh\n", "other")
    assert str(change) == f"parent base: its plan changed, because {script}; dockerfiles/base/new was added"
    assert [cause.kind for cause in change.causes] == [ChangeKind.FILE, ChangeKind.FILE]


def test_a_readme_changes_nothing(tmp_path: Path) -> None:
    before, after = edited(tmp_path, lambda folder: (folder / "base/README.md").write_text("other"))
    assert texts(before, after, JS) == []


def with_base(catalog: Catalog, change: Callable[[Base], Base]) -> Catalog:
    return replace(catalog, base=change(catalog.base))


def with_ubuntu(**changes: Any) -> Catalog:
    return replace(CATALOG, upstreams={**CATALOG.upstreams, "ubuntu": replace(CATALOG.upstreams["ubuntu"], **changes)})


CHECKS = CATALOG.base.checks
OTHER_ANSWER = tuple(replace(check, status=204) if isinstance(check, PortCheck) else check for check in CHECKS)
SECOND = PortCheck("second", 4097, "/", 200, "x", "")


@pytest.mark.parametrize(
    ("catalog", "says"),
    [
        (with_ubuntu(version="26.04"), "catalog upstream ubuntu: 24.04 → 26.04"),
        (
            with_ubuntu(version="26.04", digest="sha256:" + "1" * 64),
            "catalog upstream ubuntu: 24.04 → 26.04, digest 00000000… → 11111111…",
        ),
        (
            with_ubuntu(reference="ghcr.io/ubuntu"),
            "catalog upstream ubuntu: reference docker.io/library/ubuntu → ghcr.io/ubuntu",
        ),
        (with_ubuntu(digest=""), "catalog upstream ubuntu: digest 00000000… → none"),
        (
            with_base(CATALOG, lambda base: replace(base, upstreams=("packages",))),
            "catalog upstream ubuntu: base names it no more (catalog/base.yaml)",
        ),
        (
            with_base(CATALOG, lambda base: replace(base, checks=OTHER_ANSWER)),
            "build argument CODEOPEN_HEALTH changed (port checks in catalog/base.yaml: opencode)",
        ),
        (
            with_base(CATALOG, lambda base: replace(base, checks=(*CHECKS, SECOND))),
            "build argument CODEOPEN_HEALTH changed (port checks in catalog/base.yaml: second)",
        ),
    ],
)
def test_an_edit_of_the_catalog_is_named_for_the_part_and_for_what_stands_on_it(
    tmp_path: Path, catalog: Catalog, says: str
) -> None:
    write_tree(tmp_path, TREE)
    before, after = plan_of(tmp_path), plan_of(tmp_path, catalog)
    assert texts(before, after, BASE) == [says]
    assert texts(before, after, JS) == [f"parent base: its plan changed, because {says}"]


def test_a_new_upstream_and_the_order_of_checks(tmp_path: Path) -> None:
    write_tree(tmp_path, TREE)
    two = with_base(CATALOG, lambda base: replace(base, checks=(*CHECKS, SECOND)))
    turned = with_base(CATALOG, lambda base: replace(base, checks=(SECOND, *CHECKS)))
    assert texts(plan_of(tmp_path, two), plan_of(tmp_path, turned), BASE) == [
        "build argument CODEOPEN_HEALTH changed (port checks in catalog/base.yaml: their order)"
    ]
    flavors = [replace(flavor, upstreams=("packages", "ubuntu")) for flavor in spec_flavors()]
    assert texts(plan_of(tmp_path), plan_of(tmp_path, make_catalog(flavors=flavors)), JS) == [
        "catalog upstream ubuntu: js names it now (catalog/flavors.yaml)"
    ]


def test_every_difference_is_told_exactly_where_the_digest_differs(tmp_path: Path) -> None:
    """No change of a digest stays unexplained, and nothing is told where there is none."""
    write_tree(tmp_path, TREE)
    plans = [plan_of(tmp_path), plan_of(tmp_path, with_ubuntu(version="1")), plan_of(tmp_path, with_ubuntu(digest=""))]
    for number, (edit, *_) in enumerate(EDITS):
        plans.append(edited(tmp_path / str(number), edit)[1])
    for before in plans:
        for after in plans:
            for part in (BASE, JS, GUI):
                differs = before[part].digests != after[part].digests
                assert bool(explain_change(before, after, part, AMD64)) == differs


def test_parts_that_come_and_that_can_be_built_now(tmp_path: Path) -> None:
    write_tree(tmp_path, TREE)
    fewer = make_catalog(flavors=[flavor for flavor in spec_flavors() if flavor.id != "js"])
    assert texts(plan_of(tmp_path, fewer), plan_of(tmp_path), JS) == ["part js is new in the catalog"]
    before = plan_of(tmp_path)
    write_tree(tmp_path, {"dockerfiles/addons/databases/Dockerfile": "FROM base\n"})
    assert texts(before, plan_of(tmp_path), DATABASES) == [
        "part addon-databases was no-dockerfile and is buildable on linux/amd64"
    ]
    assert texts(before, before, DATABASES) == []
    planned = make_catalog(addons=[replace(addon, status=Status.PLANNED) for addon in spec_addons()])
    assert texts(before, plan_of(tmp_path, planned), GUI) == [
        "part addon-gui was buildable and is planned on linux/amd64"
    ]


def test_a_part_that_is_built_for_another_platform_only(tmp_path: Path) -> None:
    write_tree(tmp_path, TREE)
    here = plan_of(tmp_path)
    (change,) = explain_change({**here, JS: replace(here[JS], inputs={}, digests={})}, here, JS, AMD64)
    assert str(change) == "part js was no-platform and is buildable on linux/amd64"
    assert explain_change(here, here, JS, ARM64) == ()


def test_command_checks_rebuild_nothing(tmp_path: Path) -> None:
    write_tree(tmp_path, TREE)
    flavor = replace(make_flavor("js"), checks=(CommandCheck("x", ("x",), "x"),))
    assert texts(plan_of(tmp_path), plan_of(tmp_path, make_catalog(flavors=[flavor])), JS) == []


@pytest.mark.parametrize(
    ("name", "ids", "combination"),
    [
        ("base", "base", None),
        ("codeopen-base", "base", None),
        ("js", "js", None),
        ("codeopen-js", "js", None),
        ("databases", "addon-databases", None),
        ("addon-databases", "addon-databases", None),
        ("codeopen-addon-databases", "addon-databases", None),
        ("js-db", "js addon-databases", ("js", ("databases",))),
        ("codeopen-js-db-gui", "js addon-gui addon-databases", ("js", ("gui", "databases"))),
        ("localhost:5000/codeopen/codeopen-js-db:0.0.2", "js addon-databases", ("js", ("databases",))),
        ("codeopen-js:0.0.2@sha256:00", "js", None),
    ],
)
def test_names(name: str, ids: str, combination: tuple[str, tuple[str, ...]] | None) -> None:
    found, asked = parts_named(CATALOG, name)
    assert " ".join(map(str, found)) == ids
    assert asked == (Combination(*combination) if combination else None)


def test_a_flavor_and_an_add_on_of_one_name_can_both_be_had() -> None:
    catalog = make_catalog(flavors=[*spec_flavors(), make_flavor("databases")])
    assert parts_named(catalog, "databases")[0] == (PartId(PartKind.FLAVOR, "databases"),)
    assert parts_named(catalog, "addon-databases")[0] == (DATABASES,)


@pytest.mark.parametrize("name", ["js-gui-db-code", "codeopen-js-db-gui-code", "h:1/o/codeopen-js-gui-code-db:1"])
def test_addons_in_a_name_may_be_in_any_order(name: str) -> None:
    assert parts_named(CATALOG, name) == parts_named(CATALOG, "js-code-db-gui")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("databass", "part 'databass': the catalog has none of that name; did you mean 'databases'"),
        ("addon-databse", "did you mean 'addon-databases'"),
        ("", "part ''"),
        ("js-dbx", "no add-on has the suffix 'dbx' of codeopen-js-dbx; did you mean 'db'"),
        ("js-gui-db-gui", "write codeopen-js-db-gui"),
        ("pyton-db", "part 'pyton-db'"),
    ],
)
def test_unknown_names(name: str, says: str) -> None:
    with pytest.raises(CodeOpenError, match=says):
        parts_named(CATALOG, name)


def test_the_order_of_layers_counts_for_a_combination() -> None:
    orders = {"gui": 2, "databases": 1}
    turned = make_catalog(
        addons=[replace(addon, layer_order=orders.get(addon.id, addon.layer_order)) for addon in spec_addons()]
    )
    (change,) = explain_order(CATALOG, turned, Combination("js", ("databases", "gui")))
    assert str(change) == (
        "order of the add-ons' layers: gui, databases → databases, gui (layer_order in catalog/addons.yaml)"
    )
    assert explain_order(CATALOG, CATALOG, Combination("js", ("gui", "databases"))) == ()
    assert explain_order(make_catalog(addons=[]), CATALOG, Combination("js", ("gui", "databases"))) == ()


def test_digests_are_cut_short_and_other_texts_are_not() -> None:
    assert [show_digest(text) for text in ("sha256:" + "a1" * 32, "1.2:3", "")] == ["a1a1a1a1…", "1.2:3", "none"]
