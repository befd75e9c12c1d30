from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codeopen.environment.settings import POPULAR, Settings, plan_request, read_settings
from codeopen.errors import SettingsError
from codeopen.model.plan.projects import Project
from codeopen.model.selection.name import Release
from codeopen.model.selection.selection import Selection

DIGEST = f"sha256:{'1' * 64}"
DEMO = {"id": "demo", "tier": "starter", "flavor": "js"}

PROJECT_KEYS = "addons, flavor, id, image, name, owner, portBlock, state, tier"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "VERSION").write_text("0.0.2\n")
    return tmp_path


def read(checkout: Path, **values: Any) -> Settings:
    return read_settings("dev", values, checkout, "linux/amd64")


def refusal(checkout: Path, **values: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        read(checkout, **values)
    return str(caught.value)


def test_an_empty_configuration_has_the_defaults_of_the_project_file(checkout: Path) -> None:
    settings = read(checkout)
    assert settings.catalog == checkout / "catalog"
    assert settings.release == Release("localhost:5000", "codeopen", "0.0.2")
    assert (settings.platforms, settings.builder, settings.first_host_port) == (("linux/amd64",), "codeopen", 16000)
    assert (settings.stack, settings.mirror, settings.projects) == ("dev", {}, ())


@pytest.mark.parametrize("native", ["linux/amd64", "linux/arm64"])
def test_a_stack_that_names_no_platforms_is_for_the_machine(checkout: Path, native: str) -> None:
    assert read_settings("dev", {}, checkout, native).platforms == (native,)
    assert read_settings("dev", {"platforms": []}, checkout, native).platforms == (native,)


@pytest.mark.parametrize("native", ["linux/amd64", "linux/arm64"])
def test_other_stacks_are_the_same_on_every_machine(checkout: Path, native: str) -> None:
    """One that names its platforms, and one of a cluster, whose nodes are not the machine that deploys to it."""
    both = ("linux/arm64", "linux/amd64")
    assert read_settings("dev", {"platforms": list(both)}, checkout, native).platforms == both
    assert read_settings("dev", {"cluster": {"context": "prod"}}, checkout, native).platforms == ("linux/amd64",)


def test_a_mirror_for_another_platform_is_refused(checkout: Path) -> None:
    held = {"ubuntu": {"version": "1", "digest": DIGEST, "layout": "ubuntu"}}
    mirror = {"format": 1, "platforms": ["linux/arm64"], "upstreams": held}
    (checkout / "mirror.json").write_text(json.dumps(mirror))
    with pytest.raises(SettingsError) as caught:
        plan_request(read(checkout, mirror=".", platforms=["linux/arm64", "linux/amd64"]))
    assert str(caught.value) == (
        "codeopen:mirror: its ubuntu is for linux/arm64, and the stack is for linux/amd64; "
        "take a mirror for that, or correct codeopen:platforms"
    )
    assert plan_request(read(checkout, mirror=".", platforms=["linux/arm64"])).upstreams["ubuntu"].digest == DIGEST


def test_every_value_can_be_set(checkout: Path) -> None:
    settings = read(
        checkout,
        catalog="other",
        owner="me",
        imageVersion="9",
        platforms=["linux/arm64", "linux/amd64"],
        registryPort=5001,
        builder="mine",
        hostPorts=40000,
    )
    assert settings.catalog == checkout / "other"
    assert settings.release == Release("localhost:5001", "me", "9")
    assert settings.platforms == ("linux/arm64", "linux/amd64")
    assert (settings.registry_port, settings.builder, settings.first_host_port) == (5001, "mine", 40000)


def test_an_empty_version_is_that_of_the_file(checkout: Path) -> None:
    assert read(checkout, imageVersion="").release.version == "0.0.2"
    (checkout / "VERSION").unlink()
    assert read(checkout, imageVersion="1").release.version == "1"
    assert "VERSION can't be read" in refusal(checkout)


def test_projects_are_read(checkout: Path) -> None:
    projects = [
        DEMO,
        {**DEMO, "id": "b", "addons": ["gui", "cloud"], "portBlock": 7},
        {**DEMO, "id": "c", "portBlock": None},
    ]
    assert read(checkout, projects=projects).projects == (
        Project("demo", Selection("starter", "js", ())),
        Project("b", Selection("starter", "js", ("gui", "cloud")), 7),
        Project("c", Selection("starter", "js", ())),
    )


@pytest.mark.parametrize("relative", [True, False])
def test_a_mirror_is_read_from_its_folder(checkout: Path, *, relative: bool) -> None:
    folder = checkout / "mirror"
    folder.mkdir()
    entry = {"version": "v3", "reference": "r"}
    (folder / "mirror.json").write_text(json.dumps({"format": 1, "upstreams": {"registry": entry}}))
    settings = read(checkout, mirror="mirror" if relative else str(folder))
    assert settings.mirror["registry"].reference == "r"


def test_a_mirror_may_lie_in_the_home(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(checkout / "home"))
    assert str(checkout / "home/mirror/mirror.json") in refusal(checkout, mirror="~/mirror")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"owner": ["me"]}, "codeopen:owner: ['me'] is not text; see Pulumi.yaml"),
        ({"registryPort": "5000.0"}, "codeopen:registryPort: '5000.0' is not a whole number; see Pulumi.yaml"),
        ({"registryPort": "\u0665"}, "codeopen:registryPort: '\u0665' is not a whole number; see Pulumi.yaml"),
        ({"substitutes": "yes"}, "codeopen:substitutes: 'yes' is not true or false; see Pulumi.yaml"),
        ({"substitutes": 1}, "codeopen:substitutes: 1 is not true or false; see Pulumi.yaml"),
        ({"registryPort": True}, "codeopen:registryPort: True is not a whole number; see Pulumi.yaml"),
        ({"registryPort": 0}, "codeopen:registryPort: 0 is not a TCP port; take one from 1 to 65535"),
        ({"registryPort": 65536}, "codeopen:registryPort: 65536 is not a TCP port; take one from 1 to 65535"),
        ({"hostPorts": 49537}, "codeopen:hostPorts: 49537 leaves no room for 16000 ports; take 16000"),
        ({"platforms": [1]}, "codeopen:platforms: [1] is not a list of one or more strings; write one item a line"),
        ({"projects": {}}, "codeopen:projects: {} is not a list; see Pulumi.yaml"),
        ({"projects": ["demo"]}, "codeopen:projects[0]: 'demo' is not a project; write id, tier and flavor"),
        (
            {"projects": [DEMO, {**DEMO, "size": 1}]},
            f"codeopen:projects[1]: unknown key 'size'; the keys are {PROJECT_KEYS}",
        ),
        (
            {"projects": [{"id": "x", "tier": "starter"}]},
            "codeopen:projects[0]: flavor is missing; write it as in stacks/Pulumi.dev.yaml",
        ),
        ({"projects": [DEMO, {**DEMO, "tier": []}]}, "codeopen:projects[1].tier: [] is not text; see Pulumi.yaml"),
        (
            {"projects": [{**DEMO, "addons": "gui"}]},
            "codeopen:projects[0].addons: 'gui' is not a list; see Pulumi.yaml",
        ),
        (
            {"projects": [{**DEMO, "addons": [1]}]},
            "codeopen:projects[0].addons: [1] is not a list of one or more strings; write one item a line",
        ),
        (
            {"projects": [{**DEMO, "portBlock": "7a"}]},
            "codeopen:projects[0].portBlock: '7a' is not a whole number; see Pulumi.yaml",
        ),
    ],
)
def test_a_mistake_names_its_key_and_what_to_do(checkout: Path, values: dict[str, Any], text: str) -> None:
    assert refusal(checkout, **values) == text


@pytest.mark.parametrize("first", [1, 49536])
def test_all_blocks_fit_up_to_the_last_port(checkout: Path, first: int) -> None:
    assert read(checkout, hostPorts=first).first_host_port == first


def test_combinations_are_the_popular_ones_unless_set(checkout: Path) -> None:
    assert read(checkout).combinations == (POPULAR,)
    assert read(checkout, combinations=[]).combinations == ()
    assert read(checkout, combinations=[POPULAR, "js-code-gui"]).combinations == (POPULAR, "js-code-gui")
    assert "codeopen:combinations: [3]" in refusal(checkout, combinations=[3])
