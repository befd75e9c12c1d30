"""Images are read as they lie in a registry, here in one of files."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from codeopen.errors import RegistryError
from codeopen.images.registry.contents import ImageContents, gzip_unpacked, open_layer, read_contents
from codeopen.images.verify.layers import LayerReader
from tests.unit.images.verify.tars import member, tar

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Blobs:
    """A registry that has what a test puts in, by digest."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        contents = self.contents

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = contents.get(self.path.rpartition("/")[2])
                self.send_response(200 if content is not None else 404)
                self.send_header("Content-Type", MANIFEST)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: object) -> None:
                """Requests are not told."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"

    def put(self, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.contents[digest] = content
        return digest

    def put_image(self, config: object, *layers: str) -> str:
        manifest = {
            "config": {"digest": self.put(json.dumps(config).encode())},
            "layers": [{"digest": x} for x in layers],
        }
        return f"{self.host}/codeopen/js@{self.put(json.dumps(manifest).encode())}"


@pytest.fixture
def blobs() -> Iterator[Blobs]:
    registry = Blobs()
    Thread(target=registry.server.serve_forever, daemon=True).start()
    yield registry
    registry.server.shutdown()
    registry.server.server_close()


def test_an_image_has_a_configuration_and_layers(blobs: Blobs) -> None:
    reference = blobs.put_image({"config": {"User": "me"}}, "sha256:1", "sha256:2")
    assert read_contents(reference) == ImageContents({"config": {"User": "me"}}, ("sha256:1", "sha256:2"))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_layers_are_read_packed_or_not(blobs: Blobs, pack: type[bytes]) -> None:
    layer = blobs.put(pack(tar(member("etc/passwd", b"x" * 100_000)).getvalue()))
    reference = blobs.put_image({}, layer)
    (entry,) = LayerReader().read(reference, layer).entries
    assert (entry.path, entry.size, len(entry.text)) == ("/etc/passwd", 100_000, 100_000)


@pytest.mark.parametrize("unpacked", [0, 1, 100, 10_000_000])
def test_gzip_tells_what_it_unpacks_to(unpacked: int) -> None:
    for content in (bytes(unpacked), random.Random(unpacked).randbytes(unpacked)):  # noqa: S311 - no secret
        packed = gzip.compress(content, 1)
        assert gzip_unpacked(packed[-4:], len(packed)) == unpacked


@pytest.mark.parametrize(
    ("unpacked", "compressed"),
    [
        (7_363_000_000, 3_955_253_710),
        (4 << 30, 1 << 20),
        (5_000_000_000, 4_990_000_000),
        (13_000_000_000, 9_000_000_000),
    ],
)
def test_a_layer_of_more_than_four_gib_is_told_whole(unpacked: int, compressed: int) -> None:
    trailer = (unpacked % (1 << 32)).to_bytes(4, "little")
    assert gzip_unpacked(trailer, compressed) == unpacked


def test_an_image_that_is_not_there_is_told(blobs: Blobs) -> None:
    with pytest.raises(RegistryError, match="404"):
        read_contents(f"{blobs.host}/codeopen/js@sha256:{'0' * 64}")


def test_an_index_is_not_taken_for_an_image(blobs: Blobs) -> None:
    digest = blobs.put(b'{"manifests": []}')
    with pytest.raises(RegistryError, match="is no image manifest with layers"):
        read_contents(f"{blobs.host}/codeopen/js@{digest}")


def test_a_layer_that_is_cut_off_is_told_with_its_image(blobs: Blobs) -> None:
    content = gzip.compress(tar(member("a", bytes(range(256)) * 1000)).getvalue())
    layer = blobs.put(content[:200])
    reference = blobs.put_image({}, layer)
    with pytest.raises(RegistryError, match=f"layer {layer} can't be read"):
        LayerReader().read(reference, layer)


def test_a_layer_that_is_not_there_is_told(blobs: Blobs) -> None:
    with pytest.raises(RegistryError, match="404"), open_layer(f"{blobs.host}/codeopen/js@sha256:1", "sha256:2"):
        pass
