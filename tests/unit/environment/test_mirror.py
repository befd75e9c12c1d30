from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codeopen.environment.mirror import MirroredUpstream, read_mirror
from codeopen.errors import SettingsError

DIGEST = f"sha256:{'1' * 64}"
UBUNTU = {"version": "debian-trixie", "digest": DIGEST, "layout": "ubuntu"}
REGISTRY = {"version": "v3", "reference": "codeopen-registry:v3"}


def write(folder: Path, content: Any) -> Path:
    (folder / "mirror.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def test_both_kinds_of_stand_ins_are_read(tmp_path: Path) -> None:
    found = read_mirror(write(tmp_path, {"format": 1, "upstreams": {"ubuntu": UBUNTU, "registry": REGISTRY}}))
    assert found == {
        "ubuntu": MirroredUpstream("debian-trixie", digest=DIGEST, layout=tmp_path / "ubuntu"),
        "registry": MirroredUpstream("v3", reference="codeopen-registry:v3"),
    }


def test_a_missing_mirror_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"^codeopen:mirror: .*mirror.json does not exist; run make setup, which makes it$"
    ):
        read_mirror(tmp_path)


def test_a_mirror_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="has format 2, not 1; run make setup"):
        read_mirror(write(tmp_path, {"format": 2, "upstreams": {}}))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        {},
        {"format": 1},
        {"format": 1, "upstreams": []},
        {"format": 1, "upstreams": {"ubuntu": "x"}},
        {"format": 1, "upstreams": {"ubuntu": {"version": "1"}}},
        {"format": 1, "upstreams": {"ubuntu": {"version": "1", "layout": "ubuntu"}}},
        {"format": 1, "upstreams": {"ubuntu": {"layout": "ubuntu", "digest": DIGEST}}},
    ],
)
def test_a_damaged_mirror_is_told(tmp_path: Path, content: Any) -> None:
    with pytest.raises(SettingsError, match=r"mirror.json is damaged \(.+\); delete it, run make setup"):
        read_mirror(write(tmp_path, content))


def test_a_mirror_that_is_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "mirror.json").mkdir()
    with pytest.raises(SettingsError, match="is damaged"):
        read_mirror(tmp_path)
