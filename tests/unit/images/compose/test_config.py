from __future__ import annotations

import json

import pytest

from codeopen.errors import ComposeError
from codeopen.images.compose.config import merge_configs, merge_path
from tests.unit.images.compose.layers import CONFIG

LABELS = {"org.opencontainers.image.title": "codeopen-js-gui"}


def part(**changes: object) -> dict[str, object]:
    return {**CONFIG, **changes}


@pytest.mark.parametrize(
    ("parts", "merged"),
    [
        ([], "/usr/bin:/bin"),
        (["/usr/bin:/bin"], "/usr/bin:/bin"),
        (["/opt/go/bin:/usr/bin:/bin"], "/opt/go/bin:/usr/bin:/bin"),
        (["/usr/bin:/bin:/opt/late"], "/usr/bin:/bin:/opt/late"),
        (["/opt/a:/usr/bin:/bin", "/opt/b:/usr/bin:/bin"], "/opt/b:/opt/a:/usr/bin:/bin"),
        (["/usr/bin:/bin:/opt/a", "/usr/bin:/bin:/opt/b"], "/usr/bin:/bin:/opt/a:/opt/b"),
        (["/a:/usr/bin:/bin:/z", "/usr/bin:/bin", "/b:/c:/usr/bin:/bin:/y"], "/b:/c:/a:/usr/bin:/bin:/z:/y"),
        (["/a:/usr/bin:/bin", "/a:/usr/bin:/bin"], "/a:/a:/usr/bin:/bin"),
    ],
)
def test_each_part_puts_its_folders_around_those_before_it_as_in_a_chain(parts: list[str], merged: str) -> None:
    assert merge_path("/usr/bin:/bin", parts) == merged


@pytest.mark.parametrize("path", ["/opt/a", "/bin:/usr/bin", "/usr/bin:/opt/m:/bin", "/my/usr/bin:/bin", ""])
def test_a_path_that_was_written_anew_is_refused_by_the_parts_name(path: str) -> None:
    env = [f"PATH={path}", "PORT=4096"]
    with pytest.raises(ComposeError, match=f"b sets PATH to '{path}', which does not hold"):
        merge_configs(CONFIG, {"a": part(), "b": part(Env=env)}, {})
    with pytest.raises(ComposeError, match="does not hold"):
        merge_path("/usr/bin:/bin", [path])


def test_without_a_path_of_the_base_it_is_a_variable_like_others() -> None:
    base = {"Env": ["LANG=C"]}
    assert merge_configs(base, {"a": {"Env": ["PATH=/a", "LANG=C"]}, "b": base}, {})["Env"] == ["LANG=C", "PATH=/a"]
    with pytest.raises(ComposeError, match="a sets PATH to '/a', b to '/b'"):
        merge_configs(base, {"a": {"Env": ["PATH=/a"]}, "b": {"Env": ["PATH=/b"]}}, {})


def test_a_merged_configuration() -> None:
    gui = part(Env=[*CONFIG["Env"], "DISPLAY=:1"], ExposedPorts={"6080/tcp": {}})
    go = part(Env=["PATH=/opt/go/bin:/usr/bin:/bin", "PORT=4096"], Labels={"dev.codeopen.upstream.go": "1.22.12"})
    assert merge_configs(CONFIG, {"go": go, "gui": gui}, LABELS) == {
        "Cmd": ["start"],
        "Entrypoint": ["tini"],
        "Env": ["DISPLAY=:1", "PATH=/opt/go/bin:/usr/bin:/bin", "PORT=4096"],
        "ExposedPorts": {"6080/tcp": {}},
        "Labels": {
            "dev.codeopen.upstream.go": "1.22.12",
            "dev.codeopen.upstream.ubuntu": "24.04",
            "org.opencontainers.image.title": "codeopen-js-gui",
        },
        "User": "developer",
        "WorkingDir": "/home",
    }


@pytest.mark.parametrize("flavor_first", [True, False])
def test_what_a_part_only_inherits_from_the_base_takes_nothing_back(flavor_first: bool) -> None:  # noqa: FBT001  a case
    flavor = part(Env=["PATH=/usr/bin:/bin", "PORT=9000"], Labels={"dev.codeopen.upstream.ubuntu": "26.04"})
    parts = {"js": flavor, "gui": part(), "go": part()} if flavor_first else {"gui": part(), "js": flavor}
    merged = merge_configs(CONFIG, parts, {})
    assert merged["Env"] == ["PATH=/usr/bin:/bin", "PORT=9000"]
    assert merged["Labels"] == {"dev.codeopen.upstream.ubuntu": "26.04"}


def test_labels_that_say_what_a_part_is_are_not_inherited() -> None:
    own = {"org.opencontainers.image.title": "codeopen-addon-gui", "dev.codeopen.plan-digest": "sha256:1"}
    merged = merge_configs(CONFIG, {"gui": part(Labels=own)}, LABELS)
    assert merged["Labels"] == {"dev.codeopen.upstream.ubuntu": "24.04", **LABELS}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Env": ["PORT=1"]}, "a sets PORT to '1', b to '2'"),
        ({"User": "root", "Env": ["PORT=2"]}, "a sets User to 'root', the base to 'developer'"),
        ({"Entrypoint": ["sh"], "Env": ["PORT=2"]}, "a sets Entrypoint"),
        ({"OnBuild": ["RUN x"]}, r"a sets OnBuild to \['RUN x'\], the base to None"),
        ({"Unheard": {"of": 1}}, "a sets Unheard"),
        ({"User": None}, "a sets User to None, the base to 'developer'"),
    ],
)
def test_contradictions_are_refused_by_name(change: dict[str, object], message: str) -> None:
    with pytest.raises(ComposeError, match=message):
        merge_configs(CONFIG, {"a": part(**change), "b": part(Env=["PORT=2"])}, {})


def test_what_no_rule_merges_is_kept_as_the_base_and_all_parts_have_it() -> None:
    base = {**CONFIG, "StopSignal": "SIGINT", "Unheard": {"of": 1}, "ArgsEscaped": False}
    merged = merge_configs(base, {"a": base, "b": {**base, "ArgsEscaped": None}}, {})
    assert (merged["StopSignal"], merged["Unheard"]) == ("SIGINT", {"of": 1})
    assert "ArgsEscaped" not in merged


def test_the_order_of_keys_does_not_depend_on_the_parts() -> None:
    one, other = (part(Env=[*CONFIG["Env"], f"{name}=1"]) for name in ("A", "B"))
    first = merge_configs(CONFIG, {"one": one, "other": other}, {})
    second = merge_configs(CONFIG, {"other": other, "one": one}, {})
    assert json.dumps(first) == json.dumps(second)
