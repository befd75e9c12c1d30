from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

import oci_layout
from oci_layout import Image, write_layout
from tests.unit.trees import write_tree

ENV = {"B": "2", "A": "1"}


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    source = write_tree(tmp_path / "source", {"etc/name": "x" * 100_000})
    with tarfile.open(tmp_path / "layer.tar", "w") as archive:
        archive.add(source, ".")
    return tmp_path / "layer.tar"


def write(layer: Path, target: Path) -> str:
    return write_layout(layer, target, Image("ubuntu", "24.04", "arm64", ENV))


def blob(layout: Path, descriptor: dict[str, Any]) -> bytes:
    """A blob, when its size and digest are those that its descriptor states."""
    algorithm, _, digest = str(descriptor["digest"]).partition(":")
    content = (layout / "blobs" / algorithm / digest).read_bytes()
    assert hashlib.sha256(content).hexdigest() == digest
    assert len(content) == descriptor["size"]
    return content


def test_the_layout_is_valid(layer: Path, tmp_path: Path) -> None:
    digest = write(layer, tmp_path / "made")
    layout = tmp_path / "made"
    assert json.loads((layout / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((layout / "index.json").read_text())
    (described,) = index["manifests"]
    assert described["digest"] == digest
    manifest = json.loads(blob(layout, described))
    assert manifest["schemaVersion"] == index["schemaVersion"] == 2
    assert manifest["mediaType"] == described["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    config = json.loads(blob(layout, manifest["config"]))
    (packed,) = manifest["layers"]
    plain = gzip.decompress(blob(layout, packed))
    assert plain == layer.read_bytes()
    assert config["rootfs"] == {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(plain).hexdigest()}"]}
    assert config["config"]["Env"] == ["A=1", "B=2"]
    assert config["config"]["Labels"]["org.opencontainers.image.version"] == "24.04"
    assert (config["os"], config["architecture"], len(config["history"])) == ("linux", "arm64", 1)
    assert len(list((layout / "blobs/sha256").iterdir())) == 3, "nothing but config, layer and manifest"


def test_the_same_tar_gives_the_same_digest(layer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write(layer, tmp_path / "first")
    monkeypatch.setattr("time.time", lambda: 1e9)
    other = tmp_path / "of-another-name.tar"
    shutil.copy(layer, other)
    assert write(other, tmp_path / "second") == first
    with other.open("ab") as file:
        file.write(b"\0")
    assert write(other, tmp_path / "third") != first


def test_a_layout_is_replaced_whole(layer: Path, tmp_path: Path) -> None:
    write_tree(tmp_path / "made", {"blobs/sha256/old": "", "other": ""})
    write_tree(tmp_path / "made.part", {"blobs/sha256/rest": "of a run that was killed"})
    digest = write(layer, tmp_path / "made")
    assert {file.name for file in (tmp_path / "made").iterdir()} == {"oci-layout", "index.json", "blobs"}
    assert len(list((tmp_path / "made/blobs/sha256").iterdir())) == 3
    assert digest == write(layer, tmp_path / "fresh")
    assert not (tmp_path / "made.part").exists()


@pytest.mark.parametrize("function", ["_compress", "_store"])
def test_a_failure_on_the_way_leaves_the_old_layout(
    layer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    write_tree(tmp_path / "old", {"index.json": "as it was"})
    monkeypatch.setattr(oci_layout, function, fail)
    for target in ("old", "new"):
        with pytest.raises(OSError, match="No space left"):
            write(layer, tmp_path / target)
    assert (tmp_path / "old/index.json").read_text() == "as it was"
    assert not (tmp_path / "new").exists()
