"""Measured sizes in the catalog's texts and in the table of a page: all else in them stays as people wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, Final

from codeopen.errors import CatalogError, Place, TrialError
from codeopen.images.popular.sizes import MEGABYTE
from codeopen.model.catalog.model import Catalog
from codeopen.model.catalog.source import Document, KeyPath, parse, read_text
from codeopen.model.plan.parts import BASE, PartId, PartKind

PAGE: Final = "docs/sizes.md"
BEGIN: Final = "<!-- sizes: made by codeopen part sizes FILE --write -->"
END: Final = "<!-- /sizes -->"
_KEY: Final = "estimated_size_mb"
_HEADER: Final = (
    "| Part | Specification, MB | Unpacked, MB | Compressed, MB | Build, s | Checks |",
    "|---|---|---|---|---|---|",
)
_BLOCK: Final = re.compile(rf"^{re.escape(BEGIN)}$.*?^{re.escape(END)}$", re.MULTILINE | re.DOTALL)
_ROW: Final = re.compile(r"^\| `([^`]+)` \|.*\| (\d+) of (\d+) \|$", re.MULTILINE)
Trials = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A size that the catalog has otherwise than it was measured, in megabytes; None where it has none."""

    part: str
    place: Place
    catalog_mb: int | None
    measured_mb: int


@dataclass(frozen=True, slots=True)
class Sized:
    """What a measurement makes of files: the texts of those that it changes, by their paths."""

    differences: tuple[Difference, ...]
    texts: Mapping[Path, str]


def put_sizes(catalog: Catalog, folder: Path, page: Path, trials: Trials) -> Sized:
    """The catalog in ``folder`` and the page with the sizes of a trial's rows.

    A part that left checks out, because what stands in lacks their subject, is smaller than the true one: its size goes
    into the page alone. What a companion adds can't be measured by itself. A page that isn't there is passed over.
    Raises CatalogError or TrialError.
    """
    whole = {name: row for name, row in trials.items() if row["unpacked_bytes"] is not None}
    texts: dict[Path, str] = {}
    differences: list[Difference] = []
    for topic, entries in _entries(catalog).items():
        file = folder / f"{topic}.yaml"
        document = _read(file)
        sizes = {path: (name, whole[name]) for path, name in entries.items() if name in whole}
        if found := dict(_different(document, sizes)):
            differences += found.values()
            texts[file] = _rewrite(document, found)
    if page.is_file() and whole:
        before = page.read_text(encoding="utf-8")
        if (after := put_table(catalog, str(page), before, whole)) != before:
            texts[page] = after
    return Sized(tuple(differences), texts)


def put_table(catalog: Catalog, file: str, text: str, trials: Trials) -> str:
    """The page with the rows of these trials in its table; rows of other images stay. Raises TrialError."""
    block = _BLOCK.search(text)
    if block is None:
        raise TrialError(f"{file}: has no table of sizes; write the line {BEGIN} where it is to be, and {END} below it")
    rows = {found[1]: found[0] for found in _ROW.finditer(block[0])}
    rows |= {name: _row(name, row, _specified(catalog).get(name)) for name, row in trials.items()}
    counts = [(int(found[2]), int(found[3])) for found in map(_ROW.match, rows.values()) if found]
    passed, made = map(sum, zip(*counts, strict=True))
    told = f"All {made} checks passed." if passed == made else f"{passed} of {made} checks passed."
    table = "\n".join((BEGIN, "", *_HEADER, *rows.values(), "", told, "", END))
    return text[: block.start()] + table + text[block.end() :]


def _row(name: str, row: Mapping[str, Any], specified: int | None) -> str:
    try:
        passed = [check["passed"] is True for check in row["checks"]]
        work = str(row["build_seconds"]) if row["work"] == "built" else row["work"]
    except (KeyError, TypeError) as error:
        raise TrialError(
            f"{name}: its row lacks what the table shows ({error!r}); "
            "give what `codeopen part test --format json` prints"
        ) from error
    cells = (
        f"`{name}`",
        f"about {specified:,}" if specified is not None else "",
        f"{row['unpacked_bytes'] / MEGABYTE:,.0f}",
        f"{row['compressed_bytes'] / MEGABYTE:,.0f}",
        work,
        f"{sum(passed)} of {len(passed)}",
    )
    return f"| {' | '.join(cells)} |"


def _specified(catalog: Catalog) -> Mapping[str, int | None]:
    return {"base": catalog.base.specified_size_mb} | {
        flavor.id: flavor.specified_size_mb for flavor in catalog.flavors.values()
    }


def _entries(catalog: Catalog) -> Mapping[str, Mapping[KeyPath, str]]:
    """By file of the catalog: the key paths of what has an image of its own, with the image's name."""
    return {
        "base": {("base",): str(BASE)},
        "flavors": {("flavors", each): str(PartId(PartKind.FLAVOR, each)) for each in catalog.flavors},
        "addons": {("addons", each): str(PartId(PartKind.ADDON, each)) for each in catalog.addons},
    }


def _different(
    document: Document, sizes: Mapping[KeyPath, tuple[str, Mapping[str, Any]]]
) -> Iterator[tuple[KeyPath, Difference]]:
    for path, (name, row) in sizes.items():
        entry = reduce(lambda value, key: value[key], path, document.value)
        measured = round(row["unpacked_bytes"] / MEGABYTE)
        if not row.get("left_out") and entry.get(_KEY) != measured:
            yield path, Difference(name, document.place((*path, _KEY)), entry.get(_KEY), measured)


def _rewrite(document: Document, found: Mapping[KeyPath, Difference]) -> str:
    """The text with the sizes. One that isn't there comes below the entry's suffix, which takes one line."""
    lines = document.text.splitlines(keepends=True)
    for path, difference in sorted(found.items(), key=lambda each: each[1].place.line, reverse=True):
        size = difference.measured_mb
        if difference.catalog_mb is not None:
            number, column = difference.place.line - 1, difference.place.column - 1
            lines[number] = lines[number][:column] + re.sub(r"^\d+", str(size), lines[number][column:])
        else:
            above = document.key_place((*path, "image_suffix"))
            lines.insert(above.line, f"{' ' * (above.column - 1)}{_KEY}: {size}\n")
    return "".join(lines)


def _read(file: Path) -> Document:
    text, problems = read_text(file)
    document, wrong = parse(str(file), text) if not problems else (None, ())
    if document is None:
        raise CatalogError((*problems, *wrong))
    return document
