from __future__ import annotations

import json
import tarfile
from pathlib import Path
from threading import Event

import pytest

from provider import registry as registry_module
from provider.manifest import digest_of
from provider.mirrored_image import MirroredImage
from provider.protocol.errors import PluginError
from provider.protocol.properties import Change, differences, validate
from provider.protocol.values import UNKNOWN, Properties
from tests.unit.provider.fake_registry import INDEX_TYPE, MANIFEST_TYPE, FakeRegistry


class Layout:
    """An OCI layout on disk: an index over one manifest with a config and two layers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs" / "sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        layers = [{"digest": self.add(content)} for content in (b"layer one", b"layer two")]
        config = {"digest": self.add(b"{}")}
        document = {"mediaType": MANIFEST_TYPE, "config": config, "layers": layers}
        self.manifest = self.add(json.dumps(document).encode())
        self.index = self.add(json.dumps({"mediaType": INDEX_TYPE, "manifests": [{"digest": self.manifest}]}).encode())

    def add(self, content: bytes) -> str:
        digest = digest_of(content)
        self.path(digest).write_bytes(content)
        return digest

    def path(self, digest: str) -> Path:
        return self.folder / "blobs" / "sha256" / digest.partition(":")[2]

    def archive(self, path: Path) -> Path:
        with tarfile.open(path, "w") as packed:
            packed.add(self.folder, ".")
        return path


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


def inputs(registry: FakeRegistry, archive: Path, digest: str) -> Properties:
    repository = f"{registry.host}/codeopen/upstream"
    return {"archive": str(archive), "digest": digest, "repository": repository, "tag": "v1", "insecure": True}


def push(given: Properties) -> Properties:
    return MirroredImage().create(given, Event()).outputs


@pytest.mark.parametrize("kind", ["manifest", "index"])
@pytest.mark.parametrize("packed", [False, True])
def test_an_image_arrives_whole(
    registry: FakeRegistry,
    layout: Layout,
    tmp_path: Path,
    kind: str,
    packed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    digest = getattr(layout, kind)
    archive = layout.archive(tmp_path / "image.tar") if packed else layout.folder
    given = inputs(registry, archive, digest)
    assert push(given)["ref"] == f"{registry.host}/codeopen/upstream@{digest}"
    assert set(registry.blobs.values()) == {b"layer one", b"layer two", b"{}"}
    expected_type = INDEX_TYPE if kind == "index" else MANIFEST_TYPE
    assert registry.manifests["v1"] == (expected_type, layout.path(digest).read_bytes())


def test_a_second_push_uploads_nothing_and_needs_no_archive(registry: FakeRegistry, layout: Layout) -> None:
    given = inputs(registry, layout.folder, layout.index)
    push(given)
    before = registry.uploads
    push({**given, "archive": "/nowhere"})
    assert registry.uploads == before


def test_a_tag_that_moved_is_put_back(registry: FakeRegistry, layout: Layout) -> None:
    given = inputs(registry, layout.folder, layout.manifest)
    push(given)
    registry.manifests["v1"] = (MANIFEST_TYPE, b"{}")
    push(given)
    assert digest_of(registry.manifests["v1"][1]) == layout.manifest


def test_an_interrupted_push_goes_on_where_it_stopped(registry: FakeRegistry, layout: Layout) -> None:
    registry.blobs[digest_of(b"layer one")] = b"layer one"
    push(inputs(registry, layout.folder, layout.manifest))
    assert registry.uploads == 2


def test_an_altered_manifest_is_refused(registry: FakeRegistry, layout: Layout) -> None:
    layout.path(layout.manifest).write_bytes(b"{}")
    with pytest.raises(PluginError, match="fetch the archive again"):
        push(inputs(registry, layout.folder, layout.manifest))
    assert registry.manifests == {}


def test_an_altered_layer_is_refused(registry: FakeRegistry, layout: Layout) -> None:
    layout.path(digest_of(b"layer two")).write_bytes(b"layer 2!!")
    with pytest.raises(PluginError, match="it answers 400"):
        push(inputs(registry, layout.folder, layout.manifest))
    assert registry.manifests == {}


def test_a_digest_that_the_archive_lacks_is_named(registry: FakeRegistry, layout: Layout) -> None:
    with pytest.raises(PluginError, match=r"doesn't hold sha256:0+"):
        push(inputs(registry, layout.folder, "sha256:" + "0" * 64))


def test_a_missing_archive_is_named(registry: FakeRegistry, tmp_path: Path, layout: Layout) -> None:
    with pytest.raises(PluginError, match=r"there is no OCI archive .*nowhere.tar"):
        push(inputs(registry, tmp_path / "nowhere.tar", layout.manifest))


def test_a_registry_that_is_starting_is_waited_for(registry: FakeRegistry, layout: Layout) -> None:
    registry.starting = 2
    push(inputs(registry, layout.folder, layout.manifest))
    assert registry.starting < 0


def test_a_registry_that_isnt_there_is_named(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "ANSWER_SECONDS", 0.0)
    given = {"archive": str(layout.folder), "digest": layout.manifest, "tag": "v1", "insecure": True}
    with pytest.raises(PluginError, match=r"no connection .*; is the registry localhost:1 running\?"):
        push({**given, "repository": "localhost:1/x"})


def test_a_cancelled_push_stops(registry: FakeRegistry, layout: Layout) -> None:
    cancelled = Event()
    cancelled.set()
    with pytest.raises(PluginError, match="was cancelled"):
        MirroredImage().create(inputs(registry, layout.folder, layout.manifest), cancelled)


def test_a_manifest_that_is_gone_reads_as_gone(registry: FakeRegistry, layout: Layout) -> None:
    given = inputs(registry, layout.folder, layout.manifest)
    outputs = push(given)
    assert MirroredImage().read("id", given, outputs) is not None
    registry.manifests.clear()
    assert MirroredImage().read("id", given, outputs) is None


def test_another_archive_alone_is_no_change() -> None:
    given = {"archive": "a.tar", "digest": "sha256:" + "0" * 64, "repository": "localhost:5000/x", "tag": "v1"}
    table = MirroredImage.table
    for archive in ("b.tar", UNKNOWN):
        assert differences(table, given, {**given, "archive": archive}) == []
    for change in ({"digest": "sha256:" + "1" * 64}, {"repository": "localhost:5000/y"}, {"tag": "v2"}):
        assert [item.change for item in differences(table, given, {**given, **change})] == [Change.REPLACE]


def test_the_reference_is_known_in_a_preview() -> None:
    given = {"digest": "sha256:" + "0" * 64, "repository": "localhost:5000/x"}
    assert MirroredImage().preview(given)["ref"] == f"localhost:5000/x@{given['digest']}"
    assert MirroredImage().preview({**given, "repository": UNKNOWN})["ref"] is UNKNOWN


@pytest.mark.parametrize(
    "repository", ["codeopen/base", "localhost:5000", "localhost:5000/Upper", "localhost:5000/a//b"]
)
def test_a_repository_has_a_host_and_a_lower_case_name(repository: str) -> None:
    given = {"archive": "a", "digest": "sha256:" + "0" * 64, "repository": repository, "tag": "v1"}
    assert [failure.path for failure in validate(MirroredImage.table, given, "X")] == ["repository"]
