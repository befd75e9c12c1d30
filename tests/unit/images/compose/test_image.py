from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile

from codeopen.images.compose.image import compose_image
from codeopen.images.compose.indexing import list_layers
from codeopen.images.compose.packages import STATUS, read_packages
from codeopen.images.compose.part_index import EMPTY_LAYER, PartIndex
from tests.unit.images.compose.layers import make_base, make_part, status

BASE = make_base()
FLAVOR = make_part("js", BASE, {"opt/js": b"1", STATUS: status("bash", "libc6", "jq")})
GUI = make_part("gui", BASE, {"opt/gui": b"1", STATUS: status("bash", "libc6", "zsh")})
PLAIN = make_part("plain", BASE, {"opt/plain": b"1"})
LABELS = {"org.opencontainers.image.title": "js-gui"}


def sealed(image: object) -> dict[str, bytes]:
    content = image.seal.content  # type: ignore[attr-defined]
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as archive:
        return {member.name: (archive.extractfile(member) or io.BytesIO()).read() for member in archive}


def test_layers_are_the_flavors_then_each_delta_then_the_seal() -> None:
    image = compose_image(BASE, [FLAVOR, GUI], LABELS)
    assert [(layer.digest, owner) for layer, owner in image.layers] == [
        ("sha256:base-0", "js"),
        ("sha256:js-0", "js"),
        ("sha256:gui-0", "gui"),
    ]
    assert image.seal is not None
    manifest, config = json.loads(image.manifest.content), json.loads(image.config.content)
    assert [layer["digest"] for layer in manifest["layers"]][-1] == image.seal.blob.digest
    assert config["rootfs"]["diff_ids"] == [
        "sha256:plain-base-0",
        "sha256:plain-js-0",
        "sha256:plain-gui-0",
        image.seal.blob.diff_id,
    ]
    assert len(config["history"]) == 4


def test_the_seal_holds_the_packages_of_all_parts() -> None:
    files = sealed(compose_image(BASE, [FLAVOR, GUI], LABELS))
    assert list(files) == [STATUS]
    assert sorted(read_packages(files).stanzas) == ["bash:amd64", "jq:amd64", "libc6:amd64", "zsh:amd64"]


def test_layers_that_hold_nothing_are_left_out() -> None:
    assert f"sha256:{hashlib.sha256(bytes(1024)).hexdigest()}" == EMPTY_LAYER
    descriptors = [{"mediaType": "x", "digest": f"sha256:{name}", "size": 1} for name in "abc"]
    layers = list_layers({"layers": descriptors}, {"rootfs": {"diff_ids": ["sha256:1", EMPTY_LAYER, "sha256:3"]}})
    assert [layer.digest for layer in layers] == ["sha256:a", "sha256:c"]


def test_no_seal_where_nothing_has_to_be_merged() -> None:
    assert compose_image(BASE, [FLAVOR, PLAIN], LABELS).seal is None


def test_the_same_parts_give_the_same_digest_and_other_parts_another() -> None:
    def digest(*parts: PartIndex) -> str:
        return compose_image(BASE, parts, LABELS).manifest.digest

    assert digest(FLAVOR, GUI) == digest(FLAVOR, GUI)
    assert (
        len({digest(FLAVOR, GUI), digest(FLAVOR, PLAIN), digest(FLAVOR, GUI, PLAIN), digest(FLAVOR, PLAIN, GUI)}) == 4
    )
