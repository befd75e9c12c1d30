"""The client against registries that people run: distribution 3 and Debian's docker-registry 2.8, with a password."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from codeopen.errors import RegistryError
from codeopen.images.compose.image import document
from codeopen.images.registry.registry import Registry, digest_of
from codeopen.images.registry.transport import Patience, Request
from codeopen.images.registry.uploads import Content
from tests.unit.images.registry.real_registry import RealRegistry, debian_2, distribution_3, log_in, serving

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
SOURCE, TARGET = "codeopen/addon-databases", "codeopen/codeopen-js-db"


@dataclass(frozen=True)
class Place:
    real: RealRegistry
    client: Registry


@pytest.fixture(scope="module", params=[3, 2], ids=["distribution-3", "debian-2.8"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("registry")
    program = distribution_3() if request.param == 3 else debian_2()
    with serving(program, folder, authentication=True) as real, pytest.MonkeyPatch.context() as patch:
        log_in(folder / "docker", real.host)
        patch.setenv("DOCKER_CONFIG", str(folder / "docker"))
        yield Place(real, Registry(real.host))


def put_image(registry: Registry, repository: str, layer: bytes, *tags: str) -> str:
    """An image of one layer that nobody can unpack; returns its digest."""
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"diff_ids": [digest_of(layer)]}}).encode()
    for content in (layer, config):
        registry.upload_blob(repository, digest_of(content), content)
    value = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest_of(config), "size": len(config)},
        "layers": [{"mediaType": LAYER, "digest": digest_of(layer), "size": len(layer)}],
    }
    image = document(MANIFEST, value)
    for name in tags or (image.digest,):
        registry.write_manifest(repository, name, MANIFEST, image.content)
    return image.digest


def test_a_login_is_needed(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(RegistryError, match=f"asks for a login; run `docker login {place.real.host}`"):
        Registry(place.real.host).find_manifest(SOURCE, "x")


def test_blobs_are_uploaded_and_read(place: Place) -> None:
    content = os.urandom(3_000_000)
    digest = digest_of(content)
    assert not place.client.has_blob(SOURCE, digest)
    place.client.upload_blob(SOURCE, digest, content)
    assert place.client.has_blob(SOURCE, digest)
    assert place.client.read_blob(SOURCE, digest) == content
    place.client.upload_blob(SOURCE, digest, content)


def test_an_upload_of_other_content_is_refused(place: Place) -> None:
    with pytest.raises(RegistryError, match=f"{SOURCE}: uploading .*: it answers 400 DIGEST_INVALID"):
        place.client.upload_blob(SOURCE, digest_of(b"this"), b"that")


def test_a_layer_is_mounted_and_stored_once(place: Place) -> None:
    content = os.urandom(2_000_000)
    digest = digest_of(content)
    place.client.upload_blob(SOURCE, digest, content)
    before = place.real.size
    place.client.mount_blob(TARGET, digest, SOURCE)
    assert place.client.has_blob(TARGET, digest)
    assert place.real.size == before


def test_a_blob_that_no_repository_has_can_not_be_mounted(place: Place) -> None:
    digest = digest_of(b"nowhere")
    with pytest.raises(RegistryError, match=f"{SOURCE}: reading blob {digest}: it answers 404"):
        place.client.mount_blob(TARGET, digest, SOURCE)


def test_what_is_not_mounted_is_copied_through_a_stream(place: Place) -> None:
    content = os.urandom(3_500_000)
    digest = digest_of(content)
    place.client.upload_blob(SOURCE, digest, content)
    begun = place.client._transport.perform(Request("POST", TARGET, "blobs/uploads/", "beginning an upload"))
    copy = Content(digest, lambda: place.client._copied(SOURCE, digest))
    place.client._uploads.upload(TARGET, copy, begun)
    assert place.client.read_blob(TARGET, digest) == content


def test_tags_name_manifests(place: Place) -> None:
    digest = put_image(place.client, "codeopen/tags", b"layer", "0.0.1", "0.0.2-dev")
    assert place.client.list_tags("codeopen/tags") == ("0.0.1", "0.0.2-dev")
    assert place.client.find_manifest("codeopen/tags", "0.0.1") == digest
    assert place.client.read_manifest("codeopen/tags", "0.0.2-dev").digest == digest
    assert place.client.find_manifest("codeopen/tags", "0.0.3") is None
    assert place.client.list_tags("codeopen/nothing") == ()
    assert "codeopen/tags" in place.client.list_repositories()


def test_what_refers_to_an_image_is_listed_by_a_tag(place: Place) -> None:
    """Neither registry has the referrers API: an index under a tag of the subject's digest stands for it."""
    repository, registry = "codeopen/part", place.client
    subject = {"mediaType": MANIFEST, "digest": put_image(registry, repository, b"layer", "0.0.1"), "size": 1}
    registry.upload_blob(repository, digest_of(b"{}"), b"{}")
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(b"{}"), "size": 2}
    fields = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/x", "config": empty}
    artifact = document(MANIFEST, {**fields, "layers": [empty], "subject": subject})
    registry.write_manifest(repository, artifact.digest, MANIFEST, artifact.content)
    entry = {"mediaType": MANIFEST, "digest": artifact.digest, "size": len(artifact.content)}
    listed = document(INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]})
    tag = str(subject["digest"]).replace(":", "-")
    registry.write_manifest(repository, tag, INDEX, listed.content)
    assert registry.read_manifest(repository, tag).parsed()["manifests"] == [entry]
    assert registry.read_manifest(repository, artifact.digest).parsed()["subject"] == subject


def test_a_manifest_is_deleted_with_all_its_tags(place: Place) -> None:
    digest = put_image(place.client, "codeopen/gone", b"layer", "0.0.1", "0.0.2")
    put_image(place.client, "codeopen/gone", b"other", "0.0.3")
    place.client.delete_manifest("codeopen/gone", digest)
    place.client.delete_manifest("codeopen/gone", digest)
    assert place.client.list_tags("codeopen/gone") == ("0.0.3",)
    assert place.client.find_manifest("codeopen/gone", "0.0.1") is None


def test_a_registry_that_goes_down_is_told(tmp_path: Path) -> None:
    with serving(distribution_3(), tmp_path) as real:
        client = Registry(real.host, patience=Patience(attempts=3, first_wait=0.01))
        digest = put_image(client, "codeopen/x", b"layer", "0.0.1")
    with pytest.raises(RegistryError, match=f"^{real.host}/codeopen/x: looking up {digest}: no answer: no connection"):
        client.find_manifest("codeopen/x", digest)
