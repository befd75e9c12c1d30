"""300 seeded slips of the pen in the real catalog: each is refused with a place and a fix, or changes nothing else.

A slip changes one or two lines of one file. When the catalog is still accepted, the model may differ from the real one
only in the fields (or the entry's id) that stand on those lines.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from codeopen.errors import CatalogError
from codeopen.model.catalog.draft import TOPICS, WHOLE
from codeopen.model.catalog.model import Catalog
from codeopen.model.catalog.read import read_catalog
from codeopen.model.catalog.source import Document, parse
from tests.unit.model.catalog.copies import REAL, Copy

SLIPS = 300
BATCH = 50

Field = tuple[str, str, str]  # topic, entry, field
Lines = list[str]
Slip = Callable[[random.Random, Lines, int], None]


def _delete(_dice: random.Random, lines: Lines, at: int) -> None:
    del lines[at]


def _repeat(_dice: random.Random, lines: Lines, at: int) -> None:
    lines.insert(at, lines[at])


def _swap(_dice: random.Random, lines: Lines, at: int) -> None:
    if at + 1 < len(lines):
        lines[at], lines[at + 1] = lines[at + 1], lines[at]


def _indent(dice: random.Random, lines: Lines, at: int) -> None:
    lines[at] = dice.choice((" " + lines[at], "  " + lines[at], lines[at].removeprefix("  "), "\t" + lines[at]))


def _type(dice: random.Random, lines: Lines, at: int) -> None:
    """One character typed, left out or replaced."""
    place = dice.randrange(len(lines[at]) + 1)
    typed = dice.choice(("", "x", "7", ":", "-", " ", '"', "[", "#", "&a ", "*a", "\x00", "ü", "\ud7ff"))
    lines[at] = lines[at][:place] + typed + lines[at][place + dice.randint(0, 1) :]


def _revalue(dice: random.Random, lines: Lines, at: int) -> None:
    key, colon, _ = lines[at].partition(": ")
    value = dice.choice(("", "null", "true", "0", "-1", "3", "1.5", '"2"', "2Gi", "x", "[]", "{}", "[gui]", "{a: b}"))
    lines[at] = f"{key}{colon}{value}"


SLIPS_OF_THE_PEN: tuple[Slip, ...] = (_delete, _repeat, _swap, _indent, _type, _revalue)


def _values(catalog: Catalog) -> dict[Field, Any]:
    entries: dict[tuple[str, str], Any] = {("base", ""): catalog.base, ("gpus", ""): catalog.gpus}
    entries |= {("popular", str(index)): entry for index, entry in enumerate(catalog.popular)}
    for topic in ("tiers", "flavors", "addons", "upstreams", "legacy"):
        entries |= {(topic, key): entry for key, entry in getattr(catalog, topic).items()}
    return {
        (topic, key, field.name): getattr(entry, field.name)
        for (topic, key), entry in entries.items()
        for field in fields(entry)
    }


def _lines_of_fields(document: Document, topic: str) -> Iterator[tuple[int, str, str]]:
    """The line on which each entry ("" as its field) and each of its fields starts, in the order of the file."""
    content = document.value[topic]
    entries = (
        {"": ()}
        if topic in WHOLE
        else {key: (key,) for key in content}
        if isinstance(content, dict)
        else {str(index): (index,) for index in range(len(content))}
    )
    for name, keys in entries.items():
        path = (topic, *keys)
        yield document.key_place(path).line, name, ""
        value = content[keys[0]] if keys else content
        for field in value:
            yield document.key_place((*path, field)).line, name, field


def _touched(document: Document, topic: str, first: int, last: int) -> set[tuple[str, str]]:
    """The entries and fields on some lines; an entry's first line may rename it."""
    starts = list(_lines_of_fields(document, topic))
    touched = set()
    for index, (line, name, field) in enumerate(starts):
        following = starts[index + 1][0] if index + 1 < len(starts) else 10**9
        if line <= last and max(line, following - 1) >= first:
            touched.add((name, field))
    return touched


@pytest.fixture(scope="module")
def real() -> Catalog:
    return read_catalog(REAL)


def _check_refusal(error: CatalogError, directory: Path) -> None:
    assert error.problems
    for problem in error.problems:
        path = Path(problem.place.file)
        assert path.parent == directory
        lines = path.read_text("utf-8").split("\n")
        assert 1 <= problem.place.line <= len(lines)
        assert 1 <= problem.place.column <= len(lines[problem.place.line - 1]) + 1
        assert problem.what
        assert problem.fix


def _check_harmless(read: Catalog, real: Catalog, topic: str, touched: set[tuple[str, str]]) -> None:
    before, after = _values(real), _values(read)
    different = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    if any(field == "" for _, field in touched):  # the line of an entry's id: it has another name, and is the same
        renamed = {key for key in different if (key in before) != (key in after)}
        identity = {"id", "legacy_tier"}
        old = {key[2]: before[key] for key in renamed if key in before and key[2] not in identity}
        new = {key[2]: after[key] for key in renamed if key in after and key[2] not in identity}
        assert old == new
        different -= renamed
    assert {key[0] for key in different} <= {topic}
    assert {key[1:] for key in different} <= touched


@pytest.mark.parametrize("batch", range(SLIPS // BATCH))
def test_slips_of_the_pen(batch: int, real: Catalog, tmp_path: Path) -> None:
    dice = random.Random(f"slips {batch}")  # noqa: S311  a test's own sequence
    copy = Copy(tmp_path)
    for _ in range(BATCH):
        topic = dice.choice(TOPICS)
        original = copy.text(f"{topic}.yaml")
        document, _ = parse(topic, original)
        assert document is not None
        lines = original.split("\n")
        at = dice.randrange(len(lines) - 1)
        dice.choice(SLIPS_OF_THE_PEN)(dice, lines, at)
        copy.write(f"{topic}.yaml", "\n".join(lines))
        try:
            read = copy.read()
        except CatalogError as error:
            _check_refusal(error, copy.directory)
        else:
            _check_harmless(read, real, topic, _touched(document, topic, at + 1, at + 2))
        copy.write(f"{topic}.yaml", original)
