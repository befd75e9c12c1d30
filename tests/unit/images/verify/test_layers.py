"""What layers hold, and what a container sees of them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from codeopen.errors import RegistryError
from codeopen.images.verify.layers import FileEntry, Layer, LayerReader, merge_layers, read_layer
from tests.unit.images.verify.tars import FOLDER, HARD_LINK, LINK, member, tar

KEY = b"-----BEGIN PRIVATE KEY-----\n" + b"A" * 64 + b"\n-----END PRIVATE KEY-----\n"


def entries(stream: IO[bytes]) -> dict[str, FileEntry]:
    return {entry.path: entry for entry in read_layer(stream).entries}


def test_files_folders_and_links_with_their_owners_and_modes() -> None:
    found = entries(
        tar(
            member("usr/bin/", kind=FOLDER, mode=0o755),
            member("./usr/bin/su", b"program", mode=0o4755, owner=7),
            member("bin", kind=LINK, target="usr/bin"),
        )
    )
    assert list(found) == ["/usr/bin", "/usr/bin/su", "/bin"]
    su = found["/usr/bin/su"]
    assert (su.is_file, su.mode & 0o7777, su.uid, su.gid, su.size) == (True, 0o4755, 7, 7, 7)
    assert (found["/usr/bin"].is_folder, found["/usr/bin"].is_file) == (True, False)
    assert (found["/bin"].is_link, found["/bin"].target) == (True, "usr/bin")


def test_what_rules_read_is_kept_and_nothing_else() -> None:
    found = entries(
        tar(
            member("etc/passwd", b"root:x:0:0\n"),
            member("etc/motd", b"Hello\n"),
            member("etc/sudoers.d/x", b"x\n"),
            member("etc/passwd-too", kind=HARD_LINK, target="etc/sudoers.d/x"),
        )
    )
    assert [entry.text for entry in found.values()] == ["root:x:0:0\n", "", "x\n", "x\n"]


def test_extended_attributes_are_named_and_devices_told_from_files() -> None:
    program, content = member("bin/program", b"x")
    program.pax_headers = {"SCHILY.xattr.security.capability": "\x01", "SCHILY.xattr.user.note": "x", "comment": "x"}
    found = entries(tar((program, content), member("disk", kind=tarfile.BLKTYPE), member("tty", kind=tarfile.CHRTYPE)))
    assert found["/bin/program"].attributes == ("security.capability", "user.note")
    assert [entry.is_device for entry in found.values()] == [False, True, True]


def test_a_second_name_has_the_rights_of_the_first_one_wherever_that_lies() -> None:
    """Linking takes no copy: the bits and capabilities of the file are those of all its names."""
    program, content = member("bin/first", b"x", mode=0o4755)
    program.pax_headers = {"SCHILY.xattr.security.capability": "\x01"}
    second = member("bin/second", kind=HARD_LINK, target="bin/first", mode=0o755)
    for layers in ((tar((program, content), second),), (tar((program, content)), tar(second, member("bin/.wh.first")))):
        merged = merge_layers(read_layer(each) for each in layers)
        linked = merged["/bin/second"]
        assert (linked.mode & 0o7777, linked.attributes) == (0o4755, ("security.capability",))


def test_a_secret_is_found_under_both_names_of_a_file_and_not_in_large_ones() -> None:
    found = entries(
        tar(
            member("a.pem", KEY),
            member("b.pem", kind=HARD_LINK, target="a.pem", mode=0o600),
            member("large", KEY + b"\0" * (1 << 20)),
        )
    )
    assert [found[path].secret for path in ("/a.pem", "/b.pem", "/large")] == ["a private key", "a private key", ""]
    assert (found["/b.pem"].is_file, found["/b.pem"].size) == (True, len(KEY))


def test_byte_code_that_is_checked_by_a_time_is_told_from_the_rest() -> None:
    header = b"\xf3\r\r\n"
    found = entries(
        tar(
            member("time.pyc", header + b"\0" * 40),
            member("checked.pyc", header + b"\3\0\0\0" + b"\0" * 40),
            member("unchecked.pyc", header + b"\1\0\0\0" + b"\0" * (2 << 20)),
            member("other.py", header + b"\0" * 40),
        )
    )
    assert [path for path, entry in found.items() if not entry.hashed] == ["/time.pyc"]


def test_marks_of_removed_files_and_hidden_folders_are_no_files() -> None:
    layer = read_layer(tar(member("etc/.wh.gone"), member("opt/.wh..wh..opq"), member("opt/new")))
    assert (layer.removed, layer.hidden) == (("/etc/gone",), ("/opt",))
    assert [entry.path for entry in layer.entries] == ["/opt/new"]


def layer(*paths: str, removed: tuple[str, ...] = (), hidden: tuple[str, ...] = ()) -> Layer:
    """Paths that end with a slash are folders."""
    kinds = {path.rstrip("/"): 0o040755 if path.endswith("/") else 0o100644 for path in paths}
    return Layer(tuple(FileEntry(path, mode, 0, 0, 0) for path, mode in kinds.items()), removed, hidden)


@pytest.mark.parametrize(
    ("second", "left"),
    [
        (layer("/a/three"), ["/a", "/a/one", "/a/two/deep", "/a/two", "/a-b", "/a/three"]),
        (layer(removed=("/a/one",)), ["/a", "/a/two", "/a/two/deep", "/a-b"]),
        (layer(removed=("/a/two",)), ["/a", "/a/one", "/a-b"]),
        (layer(removed=("/a",)), ["/a-b"]),
        (layer(removed=("/never/there",)), ["/a", "/a/one", "/a/two", "/a/two/deep", "/a-b"]),
        (layer("/a/new", hidden=("/a",)), ["/a", "/a-b", "/a/new"]),
        (layer("/a"), ["/a", "/a-b"]),
        (layer("/a/"), ["/a", "/a/one", "/a/two", "/a/two/deep", "/a-b"]),
    ],
)
def test_a_container_sees_each_layer_over_those_before_it(second: Layer, left: list[str]) -> None:
    first = layer("/a/", "/a/one", "/a/two/", "/a/two/deep", "/a-b")
    assert sorted(merge_layers((first, second))) == sorted(left)


def test_the_last_layer_wins() -> None:
    merged = merge_layers((Layer((FileEntry("/a", 0o100644, 0, 0, 1),)), Layer((FileEntry("/a", 0o100755, 5, 5, 2),))))
    assert (merged["/a"].mode, merged["/a"].uid, merged["/a"].size) == (0o100755, 5, 2)


def test_a_layer_is_read_once() -> None:
    asked: list[str] = []

    @contextmanager
    def opener(reference: str, digest: str) -> Iterator[IO[bytes]]:
        asked.append(f"{reference} {digest}")
        yield tar(member("a"))

    reader = LayerReader(opener)
    assert reader.read("one", "sha256:1") is reader.read("other", "sha256:1")
    reader.read("other", "sha256:2")
    assert asked == ["one sha256:1", "other sha256:2"]


def test_a_damaged_layer_is_told_with_its_image() -> None:
    @contextmanager
    def opener(reference: str, digest: str) -> Iterator[IO[bytes]]:
        assert reference
        assert digest
        yield io.BytesIO(b"x" * 2048)

    with pytest.raises(RegistryError, match="an-image: layer sha256:1 can't be read"):
        LayerReader(opener).read("an-image", "sha256:1")
