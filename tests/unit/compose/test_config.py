from __future__ import annotations

import json

import pytest

from codeopen.compose.config import merge_configs, merge_path
from codeopen.errors import ComposeError
from tests.unit.compose.layers import CONFIG

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
        (["/opt/a:/usr/bin:/bin", "/opt/b:/usr/bin:/bin"], "/opt/a:/opt/b:/usr/bin:/bin"),
        (["/opt/a:/usr/bin:/opt/m:/bin", "/usr/bin:/opt/n:/bin"], "/opt/a:/usr/bin:/opt/m:/opt/n:/bin"),
        ([""], "/usr/bin:/bin"),
    ],
)
def test_paths_are_merged_in_order(parts: list[str], merged: str) -> None:
    assert merge_path("/usr/bin:/bin", parts) == merged


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
    ],
)
def test_contradictions_are_refused_by_name(change: dict[str, object], message: str) -> None:
    with pytest.raises(ComposeError, match=message):
        merge_configs(CONFIG, {"a": part(**change), "b": part(Env=["PORT=2"])}, {})


def test_the_order_of_keys_does_not_depend_on_the_parts() -> None:
    one, other = (part(Env=[*CONFIG["Env"], f"{name}=1"]) for name in ("A", "B"))
    first = merge_configs(CONFIG, {"one": one, "other": other}, {})
    second = merge_configs(CONFIG, {"other": other, "one": one}, {})
    assert json.dumps(first) == json.dumps(second)
