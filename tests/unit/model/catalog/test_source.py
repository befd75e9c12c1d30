"""Reading YAML: YAML 1.2's core schema, places, and nothing that could grow or surprise."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeopen.errors import Place
from codeopen.model.catalog.source import LARGEST_FILE, Document, parse, read_text, show_path


def read(text: str) -> Document:
    document, problems = parse("x.yaml", text)
    assert problems == ()
    assert document is not None
    return document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("y", "y"),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("0o17", 15),
        ("017", 17),
        ("0x1F", 31),
        ("0b101", "0b101"),
        ("-12", -12),
        ("+12", 12),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("-.INF", -math.inf),
        ("2026-11-01", "2026-11-01"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ("<<", "<<"),
        ("null", None),
        ("~", None),
        ("", None),
        ("nothing", "nothing"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("|\n 12", "12"),
        ("9" * 19, math.inf),
        ("0x" + "f" * 5000, math.inf),
    ],
)
def test_scalars(text: str, value: object) -> None:
    result = read(f"a: {text}").value["a"]
    assert type(result) is type(value)
    assert result == value


def test_not_a_number() -> None:
    assert math.isnan(read("a: .nan").value["a"])


json_texts = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | json_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(json_texts, inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_json_is_read_as_json_means_it(value: Any) -> None:
    document, problems = parse("x.yaml", json.dumps({"a": value}, ensure_ascii=False))
    if document is not None:
        assert document.value == {"a": value}
    else:
        assert "nested more than 16 levels deep" in problems[0].what


def test_places() -> None:
    document = read("a:\n  b: 1\n  c: [x, {d: e}]\n# ü\nü: z\n")
    assert document.place(("a", "b")) == Place("x.yaml", 2, 6)
    assert document.key_place(("a", "b")) == Place("x.yaml", 2, 3)
    assert document.place(("a", "c", 1, "d")) == Place("x.yaml", 3, 14)
    assert document.key_place(("a", "c", 1, "d")) == Place("x.yaml", 3, 11)
    assert document.key_place(("a", "c", 1)) == Place("x.yaml", 3, 10)
    assert document.place(("ü",)) == Place("x.yaml", 5, 4)
    assert document.place(()) == Place("x.yaml", 1, 1)


def test_the_place_of_what_is_not_there_is_the_nearest_around_it() -> None:
    document = read("a:\n  b: 1\n")
    assert document.place(("a", "x", "y")) == Place("x.yaml", 2, 3)
    assert document.key_place(("a", "b", "x")) == Place("x.yaml", 2, 6)
    assert document.place(("a", 0)) == Place("x.yaml", 2, 3)


def test_places_do_not_depend_on_line_ends() -> None:
    assert read("a: 1\r\nb: 2\r\n").place(("b",)) == Place("x.yaml", 2, 4)


@pytest.mark.parametrize(
    ("text", "written"), [("a: [24.10, b]", "24.10"), ("a: {b: 0x10}", "0x10"), ("a: 1e3 # c", "1e3")]
)
def test_a_number_as_it_was_written(text: str, written: str) -> None:
    document = read(text)
    path = next(path for path in (("a", 0), ("a", "b"), ("a",)) if document.place(path) != document.place(path[:-1]))
    assert document.written(path) == written


def test_every_repeated_key_is_told_and_the_first_counts() -> None:
    document, problems = parse("x.yaml", "a: 1\nb: {c: 1, c: 2}\na: 3\n")
    assert document is not None
    assert document.value == {"a": 1, "b": {"c": 1}}
    assert [str(problem) for problem in problems] == [
        "x.yaml:2:11: b.c: the key is there twice, first on line 2; remove one of them",
        "x.yaml:3:1: a: the key is there twice, first on line 1; remove one of them",
    ]


@pytest.mark.parametrize("key", ["1", "1.5", "true", "null", "~", "[a]", "{a: b}", "&a b", "!t b", "? "])
def test_keys_are_text(key: str) -> None:
    document, problems = parse("x.yaml", f"a:\n  {key}: x\n")
    assert document is None
    assert problems[0].place.line == 2


@pytest.mark.parametrize("key", ["no", "on", "'1'", '"true"', "<<"])
def test_keys_that_only_look_like_something_else(key: str) -> None:
    assert list(read(f"{key}: x").value) == [key.strip("'\"")]


@pytest.mark.parametrize(
    "text",
    ["", "# only a comment\n", "a: 1\n---\nb: 2\n", "a: [", "a: ]", "\ta: 1", "a: b: c", "%YAML 9.9", 'a: "\\q"'],
)
def test_not_one_document(text: str) -> None:
    document, problems = parse("x.yaml", text)
    assert document is None
    assert len(problems) == 1
    assert problems[0].fix


@pytest.mark.parametrize(
    ("data", "place", "what"),
    [
        (b"a: \xff\n", (1, 4), "byte 0xff is not UTF-8"),
        (b"a: 1\nb: \xc3\n", (2, 4), "byte 0xc3 is not UTF-8"),
        (b"\xef\xbb\xbfa: \xff", (1, 4), "byte 0xff is not UTF-8"),
        ("a: x\u2028b: y".encode(), (1, 5), "the character U+2028 is not printable"),
        (b"a: \x00", (1, 4), "the character U+0000 is not printable"),
        ("a: 1\n\ufeffb: 2".encode(), (2, 1), "the character U+FEFF is not printable"),
        ("a: b".encode("utf-16"), (1, 1), "byte 0xff is not UTF-8"),
        (b"a" * (LARGEST_FILE + 1), (1, 1), "the file is larger than 16 MiB"),
    ],
)
def test_unreadable_texts(data: bytes, place: tuple[int, int], what: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(data)
    text, problems = read_text(path)
    assert text == ""
    assert [(problem.place, problem.what) for problem in problems] == [(Place(str(path), *place), what)]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    text, problems = read_text(path)
    assert (text, problems) == ("a: 1\n", ())
    assert read(text).place(("a",)) == Place("x.yaml", 1, 4)


def test_paths_for_people() -> None:
    assert show_path(("addons", "gui", "extra_ports", 0, "port")) == "addons.gui.extra_ports[0].port"
    assert show_path(()) == ""
