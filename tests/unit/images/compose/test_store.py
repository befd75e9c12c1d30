"""Indexes of parts that are old, damaged or of another image: they are made again, and found by all after that."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codeopen.images.compose import store as module
from codeopen.images.compose.part_index import FORMAT, PartIndex, to_json
from codeopen.images.compose.store import ARTIFACT_TYPE, IndexStore, PartImage
from codeopen.images.registry.registry import Registry
from tests.engine.synthetic_parts import push_base
from tests.unit.images.registry.scripted_registry import ScriptedRegistry, running

AMD64 = "linux/amd64"


class Counting(IndexStore):
    """Counts how often layers are read."""

    def __init__(self, registry: Registry, cache: Path) -> None:
        super().__init__(registry, cache)
        self.made = 0

    def _make(self, image: PartImage, base: PartIndex | None) -> PartIndex:
        self.made += 1
        return super()._make(image, base)


@pytest.fixture
def scripted() -> Iterator[ScriptedRegistry]:
    with running(ScriptedRegistry()) as started:
        yield started


@pytest.fixture
def registry(scripted: ScriptedRegistry) -> Registry:
    return Registry(scripted.host)


@pytest.fixture
def image(registry: Registry) -> PartImage:
    repository, _, digest = push_base(registry).reference.partition("/")[2].partition("@")
    return PartImage(repository, digest, AMD64)


def listed(scripted: ScriptedRegistry, image: PartImage) -> list[dict[str, Any]]:
    _, content = scripted.manifests[image.repository, image.digest.replace(":", "-")]
    entries: list[dict[str, Any]] = json.loads(content)["manifests"]
    return entries


def stored_blob(scripted: ScriptedRegistry, image: PartImage) -> tuple[str, str]:
    (entry,) = listed(scripted, image)
    _, artifact = scripted.manifests[image.repository, entry["digest"]]
    return image.repository, json.loads(artifact)["layers"][0]["digest"]


def of_older_format(index: PartIndex) -> bytes:
    return gzip.compress(json.dumps({**json.loads(to_json(index)), "format": FORMAT - 1}).encode())


def push_kept(monkeypatch: pytest.MonkeyPatch, kept: IndexStore, image: PartImage, content: bytes, kind: str) -> None:
    """Publish an index as it should not be, or as a checkout of another format would."""
    monkeypatch.setattr(module, "ARTIFACT_TYPE", kind)
    kept._push(image, "", content)
    monkeypatch.undo()


def test_it_is_made_once_for_all_machines(registry: Registry, image: PartImage, tmp_path: Path) -> None:
    first, again, other = (Counting(registry, tmp_path / name) for name in ("one", "one", "other"))
    index = first.get(image, None)
    assert again.get(image, None) == other.get(image, None) == index
    assert (first.made, again.made, other.made) == (1, 0, 0)


@pytest.mark.parametrize("kind", [ARTIFACT_TYPE, "application/vnd.codeopen.part-index.v1+json"])
def test_an_older_format_is_made_again_and_stays_for_older_checkouts(
    scripted: ScriptedRegistry,
    registry: Registry,
    image: PartImage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    index = IndexStore(registry, tmp_path / "maker")._make(image, None)
    push_kept(monkeypatch, IndexStore(registry, tmp_path / "x"), image, of_older_format(index), kind)
    first, other = Counting(registry, tmp_path / "one"), Counting(registry, tmp_path / "other")
    assert first.get(image, None) == other.get(image, None) == index
    assert (first.made, other.made) == (1, 0), "the new one is published"
    kinds = [entry["artifactType"] for entry in listed(scripted, image)]
    assert kinds == ([kind] if kind == ARTIFACT_TYPE else [kind, ARTIFACT_TYPE])


@pytest.mark.parametrize(
    "content",
    [b"", b"\x1f\x8b\x08", b"no gzip", gzip.compress(b"{", mtime=0), gzip.compress(b"x" * 999, mtime=0)[:20]],
    ids=["empty", "begun", "no gzip", "no JSON", "torn"],
)
def test_a_damaged_one_in_the_registry_is_replaced(
    scripted: ScriptedRegistry,
    registry: Registry,
    image: PartImage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
) -> None:
    push_kept(monkeypatch, IndexStore(registry, tmp_path / "x"), image, content, ARTIFACT_TYPE)
    (damaged,) = listed(scripted, image)
    first, other = Counting(registry, tmp_path / "one"), Counting(registry, tmp_path / "other")
    assert first.get(image, None) == other.get(image, None)
    assert (first.made, other.made) == (1, 0)
    assert (image.repository, damaged["digest"]) not in scripted.manifests, "nothing leads to it any more"


def test_one_whose_blob_is_gone_is_made_again(
    scripted: ScriptedRegistry, registry: Registry, image: PartImage, tmp_path: Path
) -> None:
    IndexStore(registry, tmp_path / "one").get(image, None)
    del scripted.blobs[stored_blob(scripted, image)]
    first, other = Counting(registry, tmp_path / "two"), Counting(registry, tmp_path / "other")
    assert first.get(image, None) == other.get(image, None)
    assert (first.made, other.made) == (1, 0)


@pytest.mark.parametrize("keep", [0, 1, 50, -1])
def test_a_torn_file_of_the_cache_is_read_from_the_registry_again(
    registry: Registry, image: PartImage, tmp_path: Path, keep: int
) -> None:
    index = IndexStore(registry, tmp_path).get(image, None)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:keep])
    reader = Counting(registry, tmp_path)
    assert reader.get(image, None) == index
    assert (reader.made, file.read_bytes()) == (0, whole)


def test_the_same_image_of_another_owner_has_an_index_of_its_own(registry: Registry, tmp_path: Path) -> None:
    """A composed image mounts layers from the repository that the index names."""
    images = []
    for owner in ("one", "two"):
        repository, _, digest = push_base(registry, owner).reference.partition("/")[2].partition("@")
        images.append(PartImage(repository, digest, AMD64))
    assert images[0].digest == images[1].digest
    kept = IndexStore(registry, tmp_path)
    assert [kept.get(each, None).repository for each in images] == [each.repository for each in images]


def test_nothing_unreadable_gets_into_the_cache(
    registry: Registry, image: PartImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_kept(monkeypatch, IndexStore(registry, tmp_path / "x"), image, b"damaged", ARTIFACT_TYPE)

    def fail(*_: object) -> PartIndex:
        raise KeyboardInterrupt

    kept = IndexStore(registry, tmp_path / "one")
    monkeypatch.setattr(kept, "_make", fail)
    with pytest.raises(KeyboardInterrupt):
        kept.get(image, None)
    assert not (tmp_path / "one").exists()
