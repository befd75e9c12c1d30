from __future__ import annotations

import pytest

from codeopen.environment.settings import read_project
from codeopen.errors import ProjectError, SettingsError
from codeopen.model.plan.projects import Project, State
from codeopen.model.selection.selection import Selection
from codeopen.platform.projects.declared import declaration, parse_selection, read_declared, refuse_twins

PINNED = f"ghcr.io/me/mine@sha256:{'a' * 64}"
TEXT = f"""\
# Two projects.
- id: shop
  tier: starter
  flavor: js

- {{id: news, tier: builder, flavor: js, addons: [gui], name: News, owner: ann, state: hibernated, image: '{PINNED}'}}
"""


def test_a_file_has_the_keys_of_a_stacks_list() -> None:
    assert read_declared(TEXT, "projects.yaml") == (
        Project("shop", Selection("starter", "js", ())),
        Project("news", Selection("builder", "js", ("gui",)), None, "News", "ann", State.HIBERNATED, PINNED),
    )
    assert read_declared("", "projects.yaml") == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id: shop\n", "p.yaml: is not a list of projects; write them as codeopen:projects"),
        ("- {id: a, tier: b, flavor: c}\n- {id: a, size: 3}\n", "p.yaml:2: project: unknown key 'size'; the keys are "),
        ("- shop\n", "p.yaml:1: project: 'shop' is not a project; write id, tier and flavor"),
        ("\n- id: a\n  tier: []\n  flavor: c\n", "p.yaml:2: project.tier: [] is not text; see Pulumi.yaml"),
        ("- {id: a, tier: b, flavor: c, addons: [1]}\n", "p.yaml:1: project.addons: [1] is not a list of one or more"),
        ("- {id: a, tier: b, flavor: c, state: off}\n", "p.yaml:1: project.state: 'false' is not a state"),
        ("- {id: a, tier: b, flavor: c, state: asleep}\n", "p.yaml:1: project.state: 'asleep' is not a state"),
        ("- {id: [\n", "p.yaml: is not YAML (while parsing a flow node"),
        ("- a\n---\n- b\n", "p.yaml: is not YAML (expected a single document"),
        ("- !!python/name:os.system x\n", "p.yaml: is not YAML (could not determine a constructor"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_declared(text, "p.yaml")
    assert str(caught.value).startswith(told)


def test_a_project_can_be_named_on_the_command_line() -> None:
    assert parse_selection("demo=builder,js") == Project("demo", Selection("builder", "js", ()))
    assert parse_selection("demo=builder,js,gui,cloud").selection == Selection("builder", "js", ("gui", "cloud"))
    for text in ("demo", "demo=builder", "=builder,js", "demo=,js"):
        with pytest.raises(SettingsError, match=f"^--project {text}: "):
            parse_selection(text)


def test_two_of_one_id_are_refused_and_all_are_told() -> None:
    one, other = Project("a", Selection("t", "f", ())), Project("b", Selection("t", "f", ()))
    assert refuse_twins([one, other]) == (one, other)
    with pytest.raises(ProjectError) as caught:
        refuse_twins([one, other, one, other])
    assert str(caught.value).count("declared twice") == 2


def test_what_is_declared_can_be_declared_again() -> None:
    for project in read_declared(TEXT, "projects.yaml"):
        assert read_project("again", declaration(project)) == project
