"""Composing from the parts of a real stack in its real registry, and the oracle: the same combination, chained."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from codeopen.compose.gate import Pair, judge
from codeopen.compose.image import ComposedImage, compose_image
from codeopen.compose.part_index import PartIndex
from codeopen.compose.publish import Target, publish
from codeopen.compose.store import IndexStore, PartImage
from codeopen.distribution.registry import Registry
from tests.engine.oracle import config_differences, differences
from tests.live import LiveStack

AMD64 = "linux/amd64"
LABELS = {"org.opencontainers.image.title": "codeopen-js-db"}
TARGET = Target("codeopen/composed-js-db", ("test",))


@dataclass
class Parts:
    registry: Registry
    store: IndexStore
    base: PartIndex
    js: PartIndex
    databases: PartIndex
    chained: str

    def compose(self) -> ComposedImage:
        return compose_image(self.base, [self.js, self.databases], LABELS)

    def whole(self, repository: str, digest: str) -> PartIndex:
        """An image indexed from its first layer on."""
        return self.store.get(PartImage(repository, digest, AMD64), None)


def image_of(live: LiveStack, name: str) -> PartImage:
    reference = live.outputs()["images"][name]["reference"]
    repository, _, digest = reference.partition("/")[2].partition("@")
    return PartImage(repository, digest, AMD64)


@pytest.fixture(scope="module")
def parts(live: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    registry = Registry(f"localhost:{live.registry_port}")
    store = IndexStore(registry, tmp_path_factory.mktemp("indexes"))
    base = store.get(image_of(live, "base"), None)
    js, databases = (store.get(image_of(live, name), base) for name in ("js", "addon-databases"))
    return Parts(registry, store, base, js, databases, live.outputs()["images"]["js-db"]["reference"])


@pytest.fixture(scope="module")
def composed(parts: Parts) -> str:
    with ThreadPoolExecutor(4) as workers:
        return publish(parts.registry, parts.compose(), TARGET, workers, set())


def test_the_gate_passes_the_pair(parts: Parts) -> None:
    assert not judge(Pair(parts.base, parts.js, parts.databases))


def test_the_composed_image_is_the_chained_one_file_by_file(parts: Parts, composed: str) -> None:
    names = (reference.partition("/")[2].partition("@") for reference in (parts.chained, composed))
    chained, own = (parts.whole(repository, digest) for repository, _, digest in names)
    assert differences(chained, own) == []
    assert config_differences(chained.config, own.config) == []


def test_the_index_is_kept_beside_the_part_and_found_by_others(parts: Parts, live: LiveStack, tmp_path: Path) -> None:
    image = image_of(live, "addon-databases")
    elsewhere = IndexStore(parts.registry, tmp_path)
    made: list[str] = []
    elsewhere._make = lambda *_: made.append("made") or parts.databases  # type: ignore[method-assign,func-returns-value]
    assert elsewhere.get(image, parts.base) == parts.databases
    assert not made, "it was read from the registry, not made again"


def test_composing_again_gives_the_same_digest_and_writes_it_again(parts: Parts, composed: str) -> None:
    with ThreadPoolExecutor(4) as workers:
        assert publish(parts.registry, parts.compose(), TARGET, workers, set()) == composed
    assert parts.registry.find_manifest(TARGET.repository, "test") == composed.partition("@")[2]


def run(composed: str, *command: str, user: str = "developer") -> str:
    words = ["docker", "run", "--rm", "--user", user, "--entrypoint", command[0], composed, *command[1:]]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("pnpm", "--version"), "12."),
        (("psql", "--version"), "psql (PostgreSQL)"),
        (("mongosh", "--version"), "2."),
        (("dpkg", "--audit"), ""),
        (("apt-get", "check"), ""),
    ],
)
def test_the_engine_runs_it_and_its_package_manager_finds_it_whole(
    composed: str, command: tuple[str, ...], said: str
) -> None:
    user = "root" if command[0] == "apt-get" else "developer"
    assert run(composed, *command, user=user).startswith(said)


def test_dpkg_and_the_linker_know_what_both_parts_brought(composed: str, parts: Parts) -> None:
    listed = set(run(composed, "dpkg-query", "--show", "--showformat", "${Package}:${Architecture}\\n").split())
    assert listed == parts.js.packages.stanzas.keys() | parts.databases.packages.stanzas.keys()
    assert "libpq.so.5" in run(composed, "/sbin/ldconfig", "-p")


def test_a_manifest_names_what_is_there(parts: Parts, composed: str) -> None:
    manifest = json.loads(parts.compose().manifest.content)
    for descriptor in (manifest["config"], *manifest["layers"]):
        assert parts.registry.has_blob(TARGET.repository, descriptor["digest"])
    assert composed.endswith(parts.compose().manifest.digest)
