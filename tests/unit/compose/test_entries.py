from __future__ import annotations

import io
from collections.abc import Mapping

import pytest

from codeopen.compose.entries import Entry, EntryKind, apply_layers, read_entries
from codeopen.errors import ComposeError
from tests.unit.compose.layers import Content, File, Link, make_tar


def read(files: Mapping[str, Content]) -> dict[str, Entry]:
    entries, _ = read_entries(io.BytesIO(make_tar(files)), lambda _: False)
    return {entry.path: entry for entry in entries}


def test_every_type_is_told_apart() -> None:
    found = read({"./a/": None, "a/file": b"x", "a/link": Link("file"), "a/hard": Link("a/file", hard=True)})
    assert [(entry.path, entry.kind) for entry in found.values()] == [
        ("a", EntryKind.FOLDER),
        ("a/file", EntryKind.FILE),
        ("a/link", EntryKind.SYMLINK),
        ("a/hard", EntryKind.FILE),
    ]
    assert found["a/hard"].content == found["a/file"].content
    assert found["a/link"].content == "file"


@pytest.mark.parametrize(
    "other", [File(b"y"), File(b"x", mode=0o755), File(b"x", uid=7), File(b"x", attributes={"user.a": "1"})]
)
def test_content_mode_owner_and_attributes_count(other: File) -> None:
    assert read({"f": File(b"x")})["f"] != read({"f": other})["f"]


def test_whiteouts_are_read_as_deletions() -> None:
    found = read({"a/.wh.gone": b"", "b/.wh..wh..opq": b""})
    assert {(entry.path, entry.kind) for entry in found.values()} == {
        ("a/gone", EntryKind.WHITEOUT),
        ("b", EntryKind.OPAQUE),
    }


def test_only_wanted_contents_are_kept() -> None:
    _, kept = read_entries(io.BytesIO(make_tar({"a": b"1", "b": b"2"})), "b".__eq__)
    assert dict(kept) == {"b": b"2"}


@pytest.mark.parametrize(
    ("tar", "message"),
    [
        (make_tar({"a": b"1", "./a": b"2"}), "'a' is in it twice"),
        (make_tar({"../a": b"1"}), "leads out of the root"),
        (make_tar({"a": Link("missing", hard=True)}), "links to 'missing'"),
        (b"no tar at all" * 100, "no readable tar"),
        (make_tar({"a": b"1" * 5000})[:2000], "no readable tar"),
    ],
)
def test_bad_layers_are_refused(tar: bytes, message: str) -> None:
    with pytest.raises(ComposeError, match=message):
        read_entries(io.BytesIO(tar), lambda _: False)


def test_layers_make_a_tree() -> None:
    layers = [
        read({"a/": None, "a/one": b"1", "a/two": b"2", "b/": None, "b/three": b"3", "c": b"4"}).values(),
        read({"a/.wh.one": b"", "b/.wh..wh..opq": b"", "b/new": b"5", "c/": None, "c/in": b"6"}).values(),
    ]
    assert sorted(apply_layers(layers)) == ["a", "a/two", "b", "b/new", "c", "c/in"]


def test_a_file_in_the_place_of_a_folder_hides_what_was_in_it() -> None:
    layers = [read({"a/": None, "a/one": b"1"}).values(), read({"a": b"file"}).values()]
    assert sorted(apply_layers(layers)) == ["a"]
