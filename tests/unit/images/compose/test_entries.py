from __future__ import annotations

import io
from collections.abc import Mapping

import pytest

from codeopen.errors import ComposeError
from codeopen.images.compose.entries import Deletion, Entry, EntryKind, Layer, apply_layer, read_layer
from tests.unit.images.compose.layers import Content, File, Link, make_tar


def layer(files: Mapping[str, Content]) -> Layer:
    return read_layer(io.BytesIO(make_tar(files)), lambda _: False)


def read(files: Mapping[str, Content]) -> dict[str, Entry]:
    return {entry.path: entry for entry in layer(files).entries}


def tree(*layers: Mapping[str, Content]) -> list[str]:
    found: dict[str, Entry] = {}
    for files in layers:
        apply_layer(found, layer(files))
    return sorted(found)


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
    found = layer({"a/.wh.gone": b"", "b/.wh..wh..opq": b"", ".wh..wh..opq": b""})
    assert found.entries == ()
    assert found.deletions == {
        Deletion("a/gone", inside_only=False),
        Deletion("b", inside_only=True),
        Deletion("", inside_only=True),
    }


@pytest.mark.parametrize("names", [("b/", "b/.wh..wh..opq", "b/new"), ("b/.wh..wh..opq", "b/", "b/new")])
def test_a_folder_and_its_opaque_marker_go_together_in_any_order(names: tuple[str, ...]) -> None:
    found = layer({name: None if name.endswith("/") else b"" for name in names})
    assert [entry.path for entry in found.entries] == ["b", "b/new"]
    assert found.deletions == {Deletion("b", inside_only=True)}


def test_only_wanted_contents_are_kept() -> None:
    assert dict(read_layer(io.BytesIO(make_tar({"a": b"1", "b": b"2"})), "b".__eq__).kept) == {"b": b"2"}


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
        read_layer(io.BytesIO(tar), lambda _: False)


def test_layers_make_a_tree() -> None:
    below: Mapping[str, Content] = {"a/": None, "a/one": b"1", "a/two": b"2", "b/": None, "b/three": b"3", "c": b"4"}
    above: Mapping[str, Content] = {"a/.wh.one": b"", "b/.wh..wh..opq": b"", "b/new": b"5", "c/": None, "c/in": b"6"}
    assert tree(below, above) == ["a", "a/two", "b", "b/new", "c", "c/in"]
    assert tree(below, {".wh..wh..opq": b"", "d": b"7"}) == ["d"]
    assert tree(below, {".wh.a": b"", "a/": None, "a/new": b"8"}) == ["a", "a/new", "b", "b/three", "c"]


def test_a_file_in_the_place_of_a_folder_hides_what_was_in_it() -> None:
    assert tree({"a/": None, "a/one": b"1"}, {"a": b"file"}) == ["a"]
