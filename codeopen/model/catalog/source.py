"""Read the catalog's files: the one module of the core's catalog that touches the disk.

YAML becomes plain values plus the place of every key and value, so that later stages can point at what is wrong. The
subset of YAML is small on purpose: one document, no anchors, aliases or tags, text keys only, each key once. Unquoted
scalars mean what YAML 1.2's core schema says, so that ``no`` and ``on`` stay text and ``1:30`` is not a number.
Source: YAML 1.2.2, section 10.3 (core schema).
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import yaml

from codeopen.errors import Place, Problem

LARGEST_FILE: Final = 16 * 1024 * 1024  # bytes; ten thousand add-ons with a dozen checks each fit
DEEPEST_NESTING: Final = 16  # the catalog's own data are 7 levels deep
LONGEST_NUMBER: Final = 18  # characters; longer ones are no amount of anything, and slow to convert

_WORDS: Final[Mapping[str, bool | None]] = MappingProxyType(
    {
        **dict.fromkeys(("", "~", "null", "Null", "NULL")),
        **dict.fromkeys(("true", "True", "TRUE"), True),
        **dict.fromkeys(("false", "False", "FALSE"), False),
    }
)
_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII
)
# What may stand first in a scalar that is not text; everything else skips the patterns above.
_NOT_TEXT_FIRST: Final = frozenset("~nNtTfF0123456789+-.")
# Line breaks that editors don't count would put every later place off; other control characters are no text.
_UNPRINTABLE: Final = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_COLUMN_BITS: Final = 25  # more than the columns of a file that is one line
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

KeyPath = tuple[str | int, ...]


class Branch(NamedTuple):
    """Where a mapping or a list starts, and where its keys and its values or items do."""

    start: int
    keys: Mapping[str, int]
    children: Any  # a Mapping[str, Spot] or a Sequence[Spot]


# A start is line << 25 | column: there are hundreds of thousands, and integers cost the garbage collector nothing.
Spot = int | Branch


@dataclass(frozen=True, slots=True)
class Document:
    """A file of the catalog: its value, and the places in it."""

    file: str
    text: str
    value: Any
    root: Spot

    def place(self, path: KeyPath) -> Place:
        """Where the value at ``path`` starts; where nothing is there, the nearest value around it."""
        spot = self._spot(path)
        return self._place(spot if isinstance(spot, int) else spot.start)

    def key_place(self, path: KeyPath) -> Place:
        """Where the key that ends ``path`` starts; an item of a list has no key, so its value's place."""
        around = self._spot(path[:-1])
        if path and isinstance(around, Branch) and isinstance(path[-1], str) and path[-1] in around.keys:
            return self._place(around.keys[path[-1]])
        return self.place(path)

    def written(self, path: KeyPath) -> str:
        """An unquoted scalar as it was written, which its value may have lost: ``24.10`` is the number 24.1."""
        place = self.place(path)
        line = self.text.splitlines()[place.line - 1]
        return re.split(r"[\s,\]}]", line[place.column - 1 :], maxsplit=1)[0]

    def _spot(self, path: KeyPath) -> Spot:
        spot = self.root
        for key in path:
            if isinstance(spot, int):
                break
            try:
                spot = spot.children[key]
            except (KeyError, IndexError, TypeError):
                break
        return spot

    def _place(self, start: int) -> Place:
        return Place(self.file, start >> _COLUMN_BITS, start & ((1 << _COLUMN_BITS) - 1))


def show_path(path: KeyPath) -> str:
    """A key path for people: ``addons.gui.extra_ports[0].port``."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


class _RefusedError(Exception):
    """Reading can't go on; the problem has been noted."""


def _start(event: yaml.Event) -> int:
    mark = event.start_mark
    if mark is None:  # the parser marks every event
        return 1 << _COLUMN_BITS | 1
    return (mark.line + 1) << _COLUMN_BITS | mark.column + 1


def missing_folder(directory: Path) -> tuple[Problem, ...]:
    """The problem that a catalog's folder is not there, if so."""
    if directory.is_dir():
        return ()
    return (Problem(Place(str(directory), 1, 1), "", "there is no such folder", "name the catalog's folder"),)


def is_absent(path: Path) -> bool:
    """Whether nothing at all has this name, not even a link that leads nowhere."""
    return not (path.exists() or path.is_symlink())


def read_text(path: Path) -> tuple[str, tuple[Problem, ...]]:
    """The text of a file, or what keeps it from being read. Sizes over LARGEST_FILE are refused unread."""

    def refused(what: str, fix: str, line: int = 1, column: int = 1) -> tuple[str, tuple[Problem, ...]]:
        return "", (Problem(Place(str(path), line, column), "", what, fix),)

    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        return refused("the file is missing", "create it, or name the catalog's folder")
    except OSError as error:
        return refused(f"the file can't be read ({error.strerror})", "make it a readable file")
    if len(data) > LARGEST_FILE:
        return refused(f"the file is larger than {LARGEST_FILE // 1024**2} MiB", "make it smaller")
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()
        return refused(
            f"byte 0x{error.object[error.start]:02x} is not UTF-8", "save the file as UTF-8", *_end_of(before)
        )
    wrong = _UNPRINTABLE.search(text)
    if wrong:
        what = f"the character U+{ord(wrong[0]):04X} is not printable"
        return refused(what, "remove it, or write it as an escape in double quotes", *_end_of(text[: wrong.start()]))
    return text, ()


def _end_of(text: str) -> tuple[int, int]:
    lines = re.split("\r\n|\r|\n", text)
    return len(lines), len(lines[-1]) + 1


def parse(file: str, text: str) -> tuple[Document | None, tuple[Problem, ...]]:
    """The document in a YAML text, and its problems. With none but repeated keys there is still a document."""
    reader = _Reader(file)
    try:
        value, spot = reader.document(text)
    except _RefusedError:
        return None, tuple(reader.problems)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        what = f"not YAML: {error.problem or error.context or 'it can not be parsed'}"
        return None, (*reader.problems, Problem(place, "", what, "correct the line, its indentation or its quotes"))
    except yaml.YAMLError as error:
        what = "not YAML: " + " ".join(str(error).split())
        return None, (*reader.problems, Problem(Place(file, 1, 1), "", what, "correct the file"))
    return Document(file, text, value, spot), tuple(reader.problems)


class _Reader:
    """Builds values from YAML events; an alias or a tag ends it at its event, before anything can grow."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.events: Iterator[yaml.Event] = iter(())
        self.path: list[str | int] = []

    def document(self, text: str) -> tuple[Any, Spot]:
        """The text's one document. Raises yaml.YAMLError, or _RefusedError with the reason in ``problems``."""
        self.events = iter(yaml.parse(text, Loader=_LOADER))
        next(self.events)  # the stream's start
        start = next(self.events)
        if isinstance(start, yaml.StreamEndEvent):
            raise self._refuse(start, "the file is empty", "write its entries, or restore it")
        result = self._value(next(self.events))
        next(self.events)  # the document's end
        more = next(self.events)
        if not isinstance(more, yaml.StreamEndEvent):
            raise self._refuse(more, "a second YAML document starts here", "keep one document a file")
        return result

    def _note(self, event: yaml.Event, what: str, fix: str, key: str | None = None) -> None:
        path = (*self.path, key) if key is not None else tuple(self.path)
        place = Place(self.file, *divmod(_start(event), 1 << _COLUMN_BITS))
        self.problems.append(Problem(place, show_path(path), what, fix))

    def _refuse(self, event: yaml.Event, what: str, fix: str) -> _RefusedError:
        self._note(event, what, fix)
        return _RefusedError()

    def _value(self, event: yaml.Event) -> tuple[Any, Spot]:
        if isinstance(event, yaml.ScalarEvent):
            if event.anchor is not None or event.tag is not None:
                raise self._refuse_decoration(event)
            return (self._plain(event) if event.implicit[0] else event.value), _start(event)
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            if event.anchor is not None or event.tag is not None:
                raise self._refuse_decoration(event)
            if len(self.path) >= DEEPEST_NESTING:
                raise self._refuse(event, f"nested more than {DEEPEST_NESTING} levels deep", "remove the inner levels")
            return self._mapping(event) if isinstance(event, yaml.MappingStartEvent) else self._sequence(event)
        if isinstance(event, yaml.AliasEvent):
            raise self._refuse(event, f"the alias *{event.anchor} is not allowed", "write the value out")
        raise self._refuse(event, "a value is missing", "write it")

    def _refuse_decoration(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> _RefusedError:
        if event.anchor is not None:
            return self._refuse(event, f"the anchor &{event.anchor} is not allowed", "remove it, and write values out")
        return self._refuse(event, f"the tag {event.tag} is not allowed", "remove it")

    def _mapping(self, start: yaml.Event) -> tuple[dict[str, Any], Spot]:
        values: dict[str, Any] = {}
        keys: dict[str, int] = {}
        children: dict[str, Spot] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event)
            self.path.append(key)
            value, spot = self._value(next(self.events))
            self.path.pop()
            if key in values:
                first = keys[key] >> _COLUMN_BITS
                self._note(event, f"the key is there twice, first on line {first}", "remove one of them", key)
                continue
            values[key], keys[key], children[key] = value, _start(event), spot
        return values, Branch(_start(start), keys, children)

    def _sequence(self, start: yaml.Event) -> tuple[list[Any], Spot]:
        values: list[Any] = []
        children: list[Spot] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            self.path.append(len(values))
            value, spot = self._value(event)
            self.path.pop()
            values.append(value)
            children.append(spot)
        return values, Branch(_start(start), {}, children)

    def _key(self, event: yaml.Event) -> str:
        if isinstance(event, yaml.CollectionStartEvent):
            raise self._refuse(event, "a key is a list or a mapping", "write a text as the key")
        key, _ = self._value(event)
        if isinstance(key, str):
            return key
        text = event.value if isinstance(event, yaml.ScalarEvent) else ""
        raise self._refuse(event, f"the key {text or 'null'} is not text", f'put it in quotes: "{text}"')

    def _plain(self, event: yaml.ScalarEvent) -> Any:
        text = event.value
        if text and text[0] not in _NOT_TEXT_FIRST:
            return text
        if text in _WORDS:
            return _WORDS[text]
        is_int = _INT.fullmatch(text) is not None
        if not is_int and _FLOAT.fullmatch(text) is None:
            return text
        if is_int and len(text) > LONGEST_NUMBER:
            return math.inf  # no whole number, so that it is refused where one is needed
        if is_int:
            return int(text, 0) if text.startswith(("0o", "0x")) else int(text)
        return float(text if "n" not in text.lower() else text.replace(".", ""))  # Python writes .inf and .nan bare
