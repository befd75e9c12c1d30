"""The inventory finds every pin and every lock file of this repository, and says where each stands."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from codeopen.authoring.upstreams.inventory import digests_of, read_inventory
from codeopen.authoring.upstreams.locks import looks_like_lock
from codeopen.errors import UpstreamError
from codeopen.model.catalog.read import read_catalog

ROOT = Path(__file__).parents[4]
CATALOG = read_catalog(ROOT / "catalog")
INVENTORY = read_inventory(ROOT, ROOT / "catalog")
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
# A digest or a hash in a program pins something from outside.
HASH = re.compile(r"sha256:[0-9a-f]{64}|sha512-[A-Za-z0-9+/]{86}==")

PROGRAM = re.compile(r"(codeopen|components|stacks|tools|dockerfiles)/.*")


def test_every_version_of_the_catalog_is_in_it() -> None:
    versions = re.findall(r"(?m)^ +version: ['\"]?([\w.+-]+)['\"]?$", (ROOT / "catalog/upstreams.yaml").read_text())
    assert sorted(versions) == sorted(pin.version for pin in INVENTORY.pins if pin.kind != "code")
    assert {pin.name for pin in INVENTORY.pins if pin.kind not in {"code", "substitute"}} == set(CATALOG.upstreams)


def test_every_lock_file_is_in_it() -> None:
    assert [lock.path for lock in INVENTORY.locks] == sorted(path for path in TRACKED if looks_like_lock(path))


def test_every_place_holds_the_version() -> None:
    asked = [(asked.version, asked.place) for lock in INVENTORY.locks for asked in lock.asked]
    for version, place in [(pin.version, pin.place) for pin in INVENTORY.pins] + asked:
        line = (ROOT / place.file).read_text(encoding="utf-8").splitlines()[place.line - 1]
        assert line[place.column - 1 :].lstrip("'\"").startswith(version), f"{place} {version}"


def test_every_hash_in_a_program_belongs_to_a_pin_of_it() -> None:
    lines_of_pins = {(pin.place.file, pin.place.line) for pin in INVENTORY.pins}
    loose = []
    for path in TRACKED:
        if PROGRAM.fullmatch(path) and not looks_like_lock(path) and not path.endswith((".md", ".json")):
            for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
                # A hash may stand on the line after its name.
                if HASH.search(line) and not lines_of_pins & {(path, number), (path, number - 1)}:
                    loose.append(f"{path}:{number}")
    # The digest of an empty layer, which pins nothing from outside.
    assert [place for place in loose if not place.startswith("codeopen/images/compose/part_index.py:")] == []


def test_every_digest_of_the_catalog_is_of_an_upstream() -> None:
    text = (ROOT / "catalog/upstreams.yaml").read_text(encoding="utf-8")
    found = {digest for entry in INVENTORY.upstreams.values() for _, _, digest in digests_of(entry)}
    assert found == set(re.findall(r"sha256:[0-9a-f]{64}", text))


@pytest.mark.parametrize(
    "name", [name for name, each in INVENTORY.upstreams.items() if each["kind"] in {"npm", "pypi"}]
)
def test_an_upstream_of_a_package_registry_has_a_lock_file(name: str) -> None:
    assert INVENTORY.locks_of(name)


def test_a_file_for_each_platform_has_its_own_address_and_digest() -> None:
    found = {str(path[1]): reference for path, reference, _ in digests_of(INVENTORY.upstreams["rust"])}
    assert set(found) == {"linux/amd64", "linux/arm64"}
    assert "x86_64" in found["linux/amd64"]
    assert "aarch64" in found["linux/arm64"]


def test_an_entry_for_a_folder_without_lock_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog/upstreams.yaml").write_text("upstreams: {}\nlocks:\n  nowhere:\n    hold: Why\n")
    with pytest.raises(UpstreamError, match=r"upstreams\.yaml:3:3: locks\.nowhere: there is no lock file"):
        read_inventory(tmp_path, tmp_path / "catalog", [])


def test_a_lock_file_of_a_new_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog/upstreams.yaml").write_text("upstreams: {}\n")
    with pytest.raises(UpstreamError, match=r"app/uv\.lock:1:1: nothing knows this kind of lock file"):
        read_inventory(tmp_path, tmp_path / "catalog", ["app/uv.lock"])
