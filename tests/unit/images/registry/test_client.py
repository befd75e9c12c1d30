"""Sizes of images in a real registry, the one that set-up compiles."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from codeopen.errors import RegistryError
from codeopen.images.registry.client import ImageSize, read_image_size

CONFIG = """version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: %s}}
http: {addr: "127.0.0.1:%d"}
"""
OCI = "application/vnd.oci.image"
LAYER = f"{OCI}.layer.v1.tar"
REPOSITORY = "codeopen/codeopen-js"


@dataclass(frozen=True)
class Registry:
    host: str

    def push_blob(self, content: bytes, media_type: str) -> dict[str, Any]:
        start = urllib.request.Request(f"http://{self.host}/v2/{REPOSITORY}/blobs/uploads/", b"", method="POST")
        with urllib.request.urlopen(start, timeout=10) as answer:
            place = answer.headers["Location"]
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._put(f"{place}&digest={digest}", content, "application/octet-stream")
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def push_manifest(self, content: Mapping[str, Any]) -> str:
        """Push a manifest by its digest; returns the reference."""
        data = json.dumps(content).encode()
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self._put(f"http://{self.host}/v2/{REPOSITORY}/manifests/{digest}", data, content["mediaType"])
        return f"{self.host}/{REPOSITORY}@{digest}"

    def push_image(self, *layers: dict[str, Any], kind: str = OCI) -> str:
        config = self.push_blob(b"{}", f"{kind}.config.v1+json")
        media_type = f"{OCI}.manifest.v1+json"
        return self.push_manifest(
            {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": list(layers)}
        )

    @staticmethod
    def _put(url: str, content: bytes, media_type: str) -> None:
        request = urllib.request.Request(url, content, {"Content-Type": media_type}, method="PUT")
        with urllib.request.urlopen(request, timeout=10):
            pass


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    binaries = sorted((Path.home() / ".cache/codeopen/tools").glob("registry-*/registry"))
    if not binaries:
        pytest.skip(
            "no compiled registry in ~/.cache/codeopen/tools: set-up makes one where Docker Hub is out of reach"
        )
    folder, port = tmp_path_factory.mktemp("registry"), free_port()
    (folder / "config.yml").write_text(CONFIG % (folder, port))
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
    log = (folder / "log").open("wb")
    command: list[str | Path] = [binaries[0], "serve", folder / "config.yml"]
    with log, subprocess.Popen(command, stdout=log, stderr=log, env=environment) as process:
        deadline = time.monotonic() + 10
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, "the registry does not answer"
                time.sleep(0.05)
        yield Registry(f"127.0.0.1:{port}")
        process.terminate()


def test_sizes_are_those_of_the_layers(registry: Registry) -> None:
    contents = [b"x" * 1_000_000, os.urandom(20_000)]
    packed = [gzip.compress(content) for content in contents]
    layers = [registry.push_blob(content, f"{LAYER}+gzip") for content in packed]
    assert read_image_size(registry.push_image(*layers)) == ImageSize(
        compressed=sum(map(len, packed)), unpacked=1_020_000
    )


def test_dockers_media_types_are_known(registry: Registry) -> None:
    content = gzip.compress(b"y" * 5000)
    layer = registry.push_blob(content, "application/vnd.docker.image.rootfs.diff.tar.gzip")
    assert read_image_size(registry.push_image(layer)) == ImageSize(len(content), 5000)


def test_a_layer_that_is_not_compressed_has_one_size(registry: Registry) -> None:
    assert read_image_size(registry.push_image(registry.push_blob(b"z" * 77, LAYER))) == ImageSize(77, 77)


def test_an_image_without_layers_is_empty(registry: Registry) -> None:
    assert read_image_size(registry.push_image()) == ImageSize(0, 0)


def refusal(reference: str) -> str:
    with pytest.raises(RegistryError) as caught:
        read_image_size(reference)
    return str(caught.value)


def test_another_compression_is_not_guessed_at(registry: Registry) -> None:
    reference = registry.push_image(registry.push_blob(b"zstd", f"{LAYER}+zstd"))
    assert f"{reference}: its layers are {LAYER}+zstd, whose unpacked size can't be told" in refusal(reference)


def test_an_image_that_is_not_there_is_told_with_what_to_do(registry: Registry) -> None:
    reference = f"{registry.host}/{REPOSITORY}@sha256:{'0' * 64}"
    assert refusal(reference) == (
        f"{reference}: the registry answers 404 Not Found to GET /v2/{REPOSITORY}/manifests/sha256:{'0' * 64}; "
        "apply its stack again (`codeopen up`)"
    )


def test_an_index_is_not_taken_for_an_image(registry: Registry) -> None:
    """Whether the registry refuses its media type or sends it anyway."""
    reference = registry.push_manifest({"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": []})
    assert refusal(reference).startswith(f"{reference}: ")


def test_a_registry_that_is_down_is_told(registry: Registry) -> None:
    assert registry
    host = f"127.0.0.1:{free_port()}"
    assert refusal(f"{host}/x@sha256:1").startswith(f"{host}/x@sha256:1: no registry answers on {host} (")
    assert refusal(f"{host}/x@sha256:1").endswith("; start it (`codeopen up`)")


def test_something_else_that_answers_is_told() -> None:
    def greet() -> None:
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
    assert text.startswith(f"{host}/x@sha256:1: no registry answers on {host} (")
