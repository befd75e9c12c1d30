"""Sizes of images in a real registry, the one that set-up compiles: open, with a login, with TLS, with both."""

from __future__ import annotations

import gzip
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codeopen.errors import RegistryError
from codeopen.images.registry import transport
from codeopen.images.registry.contents import ImageSize, open_layer, read_contents, read_image_size
from codeopen.images.registry.registry import Registry, digest_of
from codeopen.images.registry.transport import Patience
from codeopen.platform.deploy.report import list_images
from tests.live import free_port
from tests.unit.images.registry.real_registry import distribution_3, log_in, serving

OCI = "application/vnd.oci.image"
LAYER = f"{OCI}.layer.v1.tar"
REPOSITORY = "codeopen/codeopen-js"
WAYS = {"open": (False, False), "login": (True, False), "tls": (False, True), "login and tls": (True, True)}


@pytest.fixture(scope="module", params=list(WAYS.values()), ids=list(WAYS))
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    authentication, tls = request.param
    folder = tmp_path_factory.mktemp("registry")
    with (
        serving(distribution_3(), folder, authentication=authentication, tls=tls) as real,
        pytest.MonkeyPatch.context() as patch,
    ):
        log_in(folder / "docker", real.host)
        patch.setenv("DOCKER_CONFIG", str(folder / "docker"))
        if tls:
            patch.setenv("SSL_CERT_FILE", str(folder / "tls.crt"))
        yield Registry(real.host)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    patience = Patience(attempts=2, first_wait=0.01)
    monkeypatch.setattr(transport, "Patience", lambda: patience)


def push_blob(registry: Registry, content: bytes, media_type: str) -> dict[str, Any]:
    registry.upload_blob(REPOSITORY, digest_of(content), content)
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def push_manifest(registry: Registry, content: dict[str, Any]) -> str:
    """Push a manifest by its digest; returns the reference."""
    data = json.dumps(content).encode()
    registry.write_manifest(REPOSITORY, digest_of(data), content["mediaType"], data)
    return f"{registry.host}/{REPOSITORY}@{digest_of(data)}"


def push_image(registry: Registry, *layers: dict[str, Any]) -> str:
    config = push_blob(registry, b"{}", f"{OCI}.config.v1+json")
    media_type = f"{OCI}.manifest.v1+json"
    return push_manifest(
        registry, {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": list(layers)}
    )


def test_sizes_are_those_of_the_layers(registry: Registry) -> None:
    contents = [b"x" * 1_000_000, os.urandom(20_000)]
    packed = [gzip.compress(content) for content in contents]
    layers = [push_blob(registry, content, f"{LAYER}+gzip") for content in packed]
    assert read_image_size(push_image(registry, *layers)) == ImageSize(
        compressed=sum(map(len, packed)), unpacked=1_020_000
    )


def test_a_stack_is_reported_whatever_its_registry_asks_for(registry: Registry) -> None:
    reference = push_image(registry, push_blob(registry, b"z" * 77, LAYER))
    (row,) = list_images({"images": {"js": {"reference": reference, "image": "js:1"}}}, ())
    assert (row.compressed_bytes, row.unpacked_bytes) == (77, 77)


def test_what_an_image_is_made_of_is_read_in_the_same_way(registry: Registry) -> None:
    layer = push_blob(registry, gzip.compress(b"tar"), f"{LAYER}+gzip")
    reference = push_image(registry, layer)
    assert read_contents(reference).layers == (layer["digest"],)
    with open_layer(reference, str(layer["digest"])) as content:
        assert content.read() == b"tar"


def test_a_manifest_is_looked_up_first(registry: Registry) -> None:
    """The answer to HEAD has no text that would say that TLS is wanted."""
    assert Registry(registry.host).find_manifest(REPOSITORY, "nothing") is None


def test_dockers_media_types_are_known(registry: Registry) -> None:
    content = gzip.compress(b"y" * 5000)
    layer = push_blob(registry, content, "application/vnd.docker.image.rootfs.diff.tar.gzip")
    assert read_image_size(push_image(registry, layer)) == ImageSize(len(content), 5000)


def test_an_image_without_layers_is_empty(registry: Registry) -> None:
    assert read_image_size(push_image(registry)) == ImageSize(0, 0)


def refusal(reference: str) -> str:
    with pytest.raises(RegistryError) as caught:
        read_image_size(reference)
    return str(caught.value)


def test_another_compression_is_not_guessed_at(registry: Registry) -> None:
    reference = push_image(registry, push_blob(registry, b"zstd", f"{LAYER}+zstd"))
    assert f"its layers are {LAYER}+zstd, whose unpacked size can't be told" in refusal(reference)


def test_an_image_that_is_not_there_is_told_with_what_to_do(registry: Registry) -> None:
    missing = f"sha256:{'0' * 64}"
    text = refusal(f"{registry.host}/{REPOSITORY}@{missing}")
    assert text.startswith(f"{registry.host}/{REPOSITORY}: reading manifest {missing}: it answers 404 MANIFEST_UNKNOWN")
    assert text.endswith("; if its registry doesn't run or has lost it, apply its stack again (`codeopen up`)")


def test_an_index_is_not_taken_for_an_image(registry: Registry) -> None:
    media_type = f"{OCI}.index.v1+json"
    reference = push_manifest(registry, {"schemaVersion": 2, "mediaType": media_type, "manifests": []})
    assert refusal(reference) == (
        f"{reference}: is no image manifest with layers (KeyError('layers')); name a single image's digest"
    )


def test_a_registry_that_is_down_is_told() -> None:
    host = f"127.0.0.1:{free_port()}"
    assert refusal(f"{host}/x@sha256:1").startswith(f"{host}/x: reading manifest sha256:1: no answer: no connection (")


def test_a_certificate_that_nobody_vouches_for_is_told(tmp_path: Path) -> None:
    with serving(distribution_3(), tmp_path, tls=True) as real:
        text = refusal(f"{real.host}/x@sha256:1")
    assert "no answer: its certificate is not accepted here" in text


def test_something_else_that_answers_is_told() -> None:
    def greet() -> None:
        for _ in range(2):
            client, _ = server.accept()
            with client:
                client.recv(1000)
                client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        host = f"127.0.0.1:{server.getsockname()[1]}"
        thread = threading.Thread(target=greet)
        thread.start()
        text = refusal(f"{host}/x@sha256:1")
        thread.join()
    assert text.startswith(f"{host}/x: reading manifest sha256:1: no answer: the connection broke off")
