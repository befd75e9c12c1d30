"""Read counts of real selections from a CSV file, and say of each line that can't be used what is wrong with it.

Source: RFC 4180, with a header. Columns: ``flavor``, ``addons`` (ids with ``+`` or ``;`` between, empty for none),
``count`` and, where it is known, ``project_count``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from codeopen.images.popular.use import Use, UseError, UseProblem, UseRow, count_use
from codeopen.model.catalog.model import Catalog
from codeopen.model.selection.closest import closest

LARGEST_FILE: Final = 16 * 1024 * 1024  # bytes; a row for each of 192 combinations and day of ten months
LARGEST_COUNT: Final = 10**15
_REQUIRED: Final = ("flavor", "addons", "count")
_PROJECTS: Final = "project_count"
_COLUMNS: Final = (*_REQUIRED, _PROJECTS)
_NUMBER: Final = re.compile(r"[0-9]+", re.ASCII)
_NEGATIVE: Final = re.compile(r"-[0-9.]+", re.ASCII)
_BETWEEN: Final = re.compile(r"[+;]")
_HEADER_FIX: Final = f"write {','.join(_REQUIRED)} as the first line, with {_PROJECTS} after it where it is known"


def read_use(catalog: Catalog, path: Path) -> Use:
    """The counts in a file. Raises UseError with everything that is wrong in it."""
    rows, unreadable = parse_rows(str(path), read_limited(path))
    use, wrong = count_use(catalog, rows)
    if problems := sorted((*unreadable, *wrong), key=_line):
        raise UseError(problems)
    if not use.selections:
        raise UseError([UseProblem(f"{path}:1", "no selection is counted in it", "add rows with a count above 0")])
    return use


def read_limited(path: Path) -> str:
    """The text of a file of no unreasonable size. Raises UseError."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        what = f"the file can't be read ({error.strerror})"
        raise UseError([UseProblem(str(path), what, "name a readable file")]) from error
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        what = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise UseError([UseProblem(f"{path}:{line}", what, "save the file as UTF-8")]) from error
    if len(data) > LARGEST_FILE:
        what = f"the file is larger than {LARGEST_FILE // 1024**2} MiB"
        raise UseError([UseProblem(str(path), what, "add its rows up by combination first")])
    return text


def parse_rows(file: str, text: str) -> tuple[list[UseRow], list[UseProblem]]:
    """The rows of a CSV text, and the problems of lines that are none."""
    rows: list[UseRow] = []
    problems: list[UseProblem] = []
    header: Sequence[str] | None = None
    for place, cells in _records(file, text, problems):
        if header is None:
            header = [cell.lower() for cell in cells]
            problems += _header_problems(place, header)
            if problems:
                return [], problems
        elif len(cells) != len(header):
            fix = f"write {','.join(header)}, with + between add-ons"
            problems.append(UseProblem(place, f"{len(cells)} fields instead of {len(header)}", fix))
        else:
            row, wrong = _row(place, dict(zip(header, cells, strict=True)))
            rows += [] if wrong else [row]
            problems += wrong
    if header is None and not problems:
        problems.append(UseProblem(f"{file}:1", "the file is empty", _HEADER_FIX))
    return rows, problems


def _records(file: str, text: str, problems: list[UseProblem]) -> Iterator[tuple[str, list[str]]]:
    """The lines that are not blank, each with its place and its trimmed cells."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield f"{file}:{line}", [cell.strip() for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        problems.append(UseProblem(f"{file}:{line}", f"not CSV: {error}", "correct the line and its quotes"))


def _header_problems(place: str, header: Sequence[str]) -> Iterator[UseProblem]:
    for column in dict.fromkeys(header):
        if column not in _COLUMNS:
            # Another file altogether, or one with another separator, needs the whole header.
            fix = _HEADER_FIX if len(header) == 1 else closest(column, _COLUMNS)
            yield UseProblem(place, f"there is no column {column!r}", fix)
        if header.count(column) > 1:
            yield UseProblem(place, f"the column {column!r} is there {header.count(column)} times", "keep one")
    for column in _REQUIRED:
        if column not in header:
            yield UseProblem(place, f"the column {column!r} is missing", _HEADER_FIX)


def _row(place: str, cells: dict[str, str]) -> tuple[UseRow, list[UseProblem]]:
    problems: list[UseProblem] = []
    addons = tuple(addon.strip() for addon in _BETWEEN.split(cells["addons"])) if cells["addons"] else ()
    if not all(addons):
        fix = "write ids with + between, or leave it empty for none"
        problems.append(UseProblem(place, f"an add-on is missing in {cells['addons']!r}", fix))
    count = _number(place, "count", cells["count"], problems)
    projects = _number(place, _PROJECTS, cells[_PROJECTS], problems) if cells.get(_PROJECTS) else count
    return UseRow(place, cells["flavor"], addons, count, projects), problems


def _number(place: str, column: str, text: str, problems: list[UseProblem]) -> int:
    if _NUMBER.fullmatch(text) and len(text) <= len(str(LARGEST_COUNT)) and int(text) <= LARGEST_COUNT:
        return int(text)
    what = f"{column} {text!r} is no whole number"
    if _NEGATIVE.fullmatch(text):
        what = f"{column} {text} is negative"
    elif _NUMBER.fullmatch(text):
        what = f"{column} {text[:20]} is above {LARGEST_COUNT}"
    problems.append(UseProblem(place, what, "write how often it was, from 0 on"))
    return 0


def _line(problem: UseProblem) -> int:
    return int(problem.place.rpartition(":")[2])
