"""The trial's stack: like the one of the checkout, but for its registry, its version and its projects."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from codeopen.authoring.part_test import trial_stack as trial
from codeopen.authoring.part_test.target import Target
from codeopen.authoring.part_test.trial_stack import TrialStack, open_trial
from codeopen.errors import SettingsError, TrialError
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.parts import BASE, PartId, PartKind
from codeopen.platform.deploy.report import ImageRow
from codeopen.platform.deploy.stack import Stack, Watch
from tests.unit.stand_ins import StandIns
from tests.unit.trees import write_tree

CHECKOUT = Path(__file__).parents[4]
WATCH = Watch(lambda _: None, lambda _: None)
JS = PartId(PartKind.FLAVOR, "js")
TEAM = """config:
  codeopen:registryPort: 41000
  codeopen:owner: me
  codeopen:projects:
    - {id: shop, tier: starter, flavor: js}
"""
TREE = {
    "VERSION": "1.2.3\n",
    "stacks/Pulumi.team.yaml": TEAM,
    "dockerfiles/base/Dockerfile": "FROM ubuntu\n",
    "dockerfiles/flavors/js/Dockerfile": "FROM base\n",
}


@pytest.fixture
def checkout(tmp_path: Path, stand_ins: StandIns) -> Path:
    stand_ins.put("docker", "exit 1")
    root = write_tree(tmp_path / "checkout", TREE)
    shutil.copytree(CHECKOUT / "catalog", root / "catalog")
    return root


@pytest.fixture
def free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else this machine does: any program's connection may have one of these ports."""
    monkeypatch.setattr(trial, "_is_free", lambda _: True)


@pytest.mark.usefixtures("free_ports")
def test_it_is_like_the_stack_that_it_stands_beside(checkout: Path) -> None:
    stack = open_trial("team", checkout)
    assert (stack.name, dict(stack.label)) == ("team-trial", {"codeopen.stack": "team-trial"})
    assert stack.settings.release.owner == "me"
    assert stack.settings.projects == ()
    assert stack.settings.registry_port == 41900
    assert stack.plan.release.registry == "localhost:41900"


def test_its_version_may_be_built_again(checkout: Path) -> None:
    assert open_trial("team", checkout).plan.release.version == "0.0.0-trial"


def test_a_port_that_is_taken_is_passed_over(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (checkout / "stacks/Pulumi.team.yaml").write_text(f"config:\n  codeopen:registryPort: {port - 900}\n")
        assert port < open_trial("team", checkout).settings.registry_port < port + 50


def test_its_own_registry_keeps_its_port(checkout: Path, stand_ins: StandIns) -> None:
    stand_ins.put("docker", "echo '5000/tcp -> 127.0.0.1:41907'")
    assert open_trial("team", checkout).settings.registry_port == 41907
    assert stand_ins.calls[-1] == "docker port codeopen-team-trial-registry"


def test_no_free_port_is_told(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_is_free", lambda _: False)
    with pytest.raises(TrialError, match="no port from 41900 to 41949 is free"):
        open_trial("team", checkout)


@pytest.mark.usefixtures("free_ports")
def test_high_ports_are_not_left(checkout: Path) -> None:
    (checkout / "stacks/Pulumi.team.yaml").write_text("config:\n  codeopen:registryPort: 65500\n")
    assert open_trial("team", checkout).settings.registry_port == 64600


def test_an_unknown_stack_is_told(checkout: Path) -> None:
    with pytest.raises(SettingsError, match="team"):
        open_trial("teem", checkout)


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The configurations that were applied."""
    configurations: list[dict[str, Any]] = []

    def up(stack: Stack, watch: Watch) -> tuple[()]:
        assert watch
        assert stack.configuration is not None
        configurations.append(yaml.safe_load(stack.configuration)["config"])
        return ()

    def rows(*_: object) -> list[ImageRow]:
        return [ImageRow(name, "", f"l/{name}@sha256:1", 1, 1, "built", 1) for name in ("base", "js", "js-gui")]

    monkeypatch.setattr(Stack, "up", up)
    monkeypatch.setattr(Stack, "outputs", lambda _: {})
    monkeypatch.setattr(trial, "list_images", rows)
    return configurations


@pytest.mark.usefixtures("free_ports")
def test_one_part_is_built_at_a_time(checkout: Path, applied: list[dict[str, Any]]) -> None:
    built = open_trial("team", checkout).build(Target("js", JS, None, 800), WATCH)
    assert (built.row.reference, built.base) == ("l/js@sha256:1", "l/base@sha256:1")
    assert applied == [
        {
            "codeopen:registryPort": 41900,
            "codeopen:owner": "me",
            "codeopen:imageVersion": "0.0.0-trial",
            "codeopen:projects": [],
            "codeopen:parts": ["js"],
            "codeopen:combinations": [],
        }
    ]


def test_what_is_tried_is_not_signed(checkout: Path, applied: list[dict[str, Any]]) -> None:
    file = checkout / "stacks" / "Pulumi.team.yaml"
    file.write_text(file.read_text() + "  codeopen:beforeTag: cosign sign\n")
    open_trial("team", checkout).build(Target("js", JS, None, 800), WATCH)
    assert "codeopen:beforeTag" not in applied[0]


def test_a_combination_is_built_on_its_flavor(checkout: Path, applied: list[dict[str, Any]]) -> None:
    target = Target("js-gui", JS, Combination("js", ("gui",)), None)
    assert open_trial("team", checkout).build(target, WATCH).row.part == "js-gui"
    assert (applied[0]["codeopen:parts"], applied[0]["codeopen:combinations"]) == (["js"], ["js-gui"])


def test_an_image_that_was_not_made_is_told(checkout: Path, applied: list[dict[str, Any]]) -> None:
    with pytest.raises(TrialError, match="stack team-trial made no image go"):
        open_trial("team", checkout).build(Target("go", PartId(PartKind.FLAVOR, "go"), None, None), WATCH)
    assert applied


def test_all_of_it_is_removed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    removed: list[str] = []
    monkeypatch.setattr(Stack, "remove", lambda stack, _: removed.append(stack.name))
    stack: TrialStack = open_trial("team", checkout)
    stack.remove(WATCH)
    assert removed == ["team-trial"]
    assert BASE in {planned.part.id for planned in stack.plan.parts}


def test_a_trial_may_be_for_another_platform_beside_the_stack_s_own(checkout: Path) -> None:
    stack = open_trial("team", checkout, {"platforms": ["linux/arm64"]}, "-arm64")
    assert (stack.name, stack.plan.platforms) == ("team-trial-arm64", ("linux/arm64",))
    assert open_trial("team", checkout).name == "team-trial"
