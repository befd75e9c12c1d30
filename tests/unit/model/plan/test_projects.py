from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeopen.errors import ProjectError
from codeopen.model.plan.projects import BLOCK_SIZE, BLOCKS, PlannedProject, Project, hashed_block, plan_projects
from codeopen.model.selection.name import Release
from codeopen.model.selection.selection import Selection
from tests.unit.catalogs import AMD64, make_catalog

CATALOG = make_catalog()
RELEASE = Release("localhost:5000", "codeopen", "1")
FIRST = 20000
IDS = st.from_regex(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True).filter(lambda name: name != "registry")
ADDONS = st.lists(st.sampled_from(["gui", "code-server", "databases", "cloud"]), unique=True).map(tuple)


def project(name: str, *, addons: tuple[str, ...] = (), block: int | None = None, flavor: str = "js") -> Project:
    return Project(name, Selection("power", flavor, addons), block)


def plan(*projects: Project) -> tuple[PlannedProject, ...]:
    return plan_projects(CATALOG, projects, RELEASE, AMD64, FIRST)


def problems(*projects: Project) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        plan(*projects)
    return str(caught.value).splitlines()


@st.composite
def stacks(draw: st.DrawFn) -> list[Project]:
    """Projects whose blocks don't collide."""
    found: dict[int, Project] = {}
    for name in draw(st.lists(IDS, unique=True, min_size=1, max_size=8)):
        found.setdefault(hashed_block(name), project(name, addons=draw(ADDONS)))
    return list(found.values())


@given(stack=stacks(), data=st.data())
def test_the_ports_of_a_project_never_depend_on_other_projects(stack: list[Project], data: st.DataObject) -> None:
    alone = {one.id: plan(one)[0].host_ports for one in stack}
    others = data.draw(st.permutations(stack))[data.draw(st.integers(0, len(stack) - 1)) :]
    assert {planned.id: planned.host_ports for planned in plan(*others)} == {one.id: alone[one.id] for one in others}


@given(name=IDS, addons=ADDONS)
def test_an_addon_moves_no_port_of_its_project(name: str, addons: tuple[str, ...]) -> None:
    (without,), (planned,) = plan(project(name)), plan(project(name, addons=addons))
    assert without.host_ports.items() <= planned.host_ports.items()


@given(stack=stacks())
def test_blocks_never_overlap(stack: list[Project]) -> None:
    planned = plan(*stack)
    ports = [set(one.host_ports.values()) for one in planned]
    assert all(len(ports[number]) == len(one.host_ports) for number, one in enumerate(planned))
    assert all(one.isdisjoint(other) for one, other in combinations(ports, 2))
    for one, taken in zip(stack, ports, strict=True):
        first = FIRST + hashed_block(one.id) * BLOCK_SIZE
        assert taken <= set(range(first, first + BLOCK_SIZE))


@given(name=st.text())
def test_a_block_is_always_one_of_those_there_are(name: str) -> None:
    assert hashed_block(name) in range(BLOCKS)


def test_blocks_are_the_same_on_every_machine() -> None:
    """A changed function would move every project's ports."""
    assert [hashed_block(name) for name in ("demo", "a", "web-shop")] == [596, 250, 263]


def test_a_chosen_block_is_taken() -> None:
    (planned,) = plan(project("demo", block=3))
    assert planned.host_ports == {"opencode": FIRST + 48, "acp-gateway": FIRST + 49}


def test_a_collision_is_told_and_a_choice_solves_it() -> None:
    one, other = project("a"), project("b", block=hashed_block("a"))
    (problem,) = problems(one, other)
    assert problem == (
        f"project 'b': its block of ports ({hashed_block('a')}) is that of 'a'; "
        "give one of the two a portBlock from 0 to 999 that is free"
    )
    assert len(plan(one, project("b", block=(hashed_block("a") + 1) % BLOCKS))) == 2


def test_two_ids_may_hash_to_one_block() -> None:
    names = [f"p{number}" for number in range(200)]
    one, other = next(pair for pair in combinations(names, 2) if hashed_block(pair[0]) == hashed_block(pair[1]))
    assert f"project {other!r}: its block of ports" in problems(project(one), project(other))[0]


@pytest.mark.parametrize("name", ["", "Demo", "1a", "a-", "-a", "a_b", "a.b", "a" * 41, "ä", "a\n"])
def test_an_id_that_is_no_host_name_is_refused(name: str) -> None:
    assert any("the id must be 1 to 40 lower-case letters" in problem for problem in problems(project(name)))


@pytest.mark.parametrize("name", ["a", "a" * 40, "a-1", "a--b"])
def test_an_id_may_be_any_label(name: str) -> None:
    assert plan(project(name))[0].id == name


def test_the_name_of_the_stacks_own_container_is_refused() -> None:
    (problem,) = problems(project("registry"))
    assert problem == "project 'registry': its container or namespace would have the name of the stack's own; rename it"


@pytest.mark.parametrize("block", [-1, BLOCKS])
def test_a_block_out_of_range_is_refused(block: int) -> None:
    (problem,) = problems(project("a", block=block))
    assert problem == f"project 'a': portBlock {block} is out of range; take one from 0 to 999"


@pytest.mark.parametrize("owner", ["Ann Smith", "ann@example.com", "-ann", "ann.", "a" * 64, "änn", "ann\n", " "])
def test_an_owner_that_is_no_label_is_refused(owner: str) -> None:
    (problem,) = problems(replace(project("demo"), owner=owner))
    assert problem.startswith(f"project 'demo': owner {owner!r} can't be a label; write 1 to 63 letters")


@pytest.mark.parametrize("owner", ["", "a", "Ann.Smith_2-x", "a" * 63])
def test_an_owner_may_be_any_labels_value_or_nobody(owner: str) -> None:
    assert plan(replace(project("demo"), owner=owner))[0].project.owner == owner


def test_all_problems_are_told_at_once() -> None:
    found = problems(
        project("Demo"),
        project("a", flavor="jss"),
        project("a", block=5000),
        project("b", addons=("mobile",)),
        project("c", block=hashed_block("b")),
    )
    for text in (
        "project 'Demo': the id must be",
        "project 'a': unknown-flavor",
        "project 'a': declared twice; remove one or rename it",
        "project 'a': portBlock 5000 is out of range",
        "project 'b': ",
        "project 'c': its block of ports",
    ):
        assert any(problem.startswith(text) for problem in found), text
    assert len(found) == 6
