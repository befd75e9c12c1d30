"""Turn jsonschema's errors into what is wrong and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from codeopen.model.catalog.names import closest, known
from codeopen.model.catalog.source import Document, KeyPath

_LONGEST_SHOWN: Final = 60
_SENTENCE_END: Final = re.compile(r"(?<!e\.g)\. ")

_NEEDED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "string": "text",
        "integer": "a whole number",
        "boolean": "true or false",
        "object": "a mapping",
        "array": "a list",
        "null": "null",
    }
)
_HOW_TO_WRITE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "string": "write a text",
        "integer": "write a whole number, without quotes",
        "boolean": "write true or false, without quotes",
        "object": "write its keys below it, indented",
        "array": "write a list, as [a, b]",
    }
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value at a key path that a schema's keyword refuses; ``of_key`` where the value is itself a key there."""

    path: KeyPath
    value: Any
    keyword: str
    argument: Any
    schema: Mapping[str, Any]
    of_key: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is wrong at a key path (relative to the refusal's), and what to do; at the key's place or the value's.

    ``usable`` where the value is fit for use all the same.
    """

    what: str
    fix: str
    path: KeyPath = ()
    at_key: bool = False
    usable: bool = False


def explain(refusal: Refusal, document: Document) -> Iterator[Explanation]:
    """Why a schema refuses a value; several explanations where one refusal stands for several keys."""
    if refusal.of_key:
        fix = refusal.schema.get("patternErrorMessage", "write another name")
        yield Explanation(f"the key {_show(refusal.value)} is not allowed", fix, (refusal.value,), at_key=True)
    elif refusal.keyword == "additionalProperties":
        yield from _unknown_keys(refusal)
    elif refusal.keyword == "required":
        yield from _missing_keys(refusal)
    elif refusal.keyword == "uniqueItems":
        yield from _repeated_items(refusal)
    elif refusal.keyword == "type":
        yield _wrong_type(refusal, document)
    elif refusal.keyword == "not":
        about = refusal.schema.get("description", "the schema does not allow it")
        yield Explanation("the key is not allowed here", f"remove it: {about}", at_key=True)
    else:
        describe = _DESCRIPTIONS.get(refusal.keyword, _other)
        yield describe(refusal)


def _unknown_keys(refusal: Refusal) -> Iterator[Explanation]:
    keys = refusal.schema.get("properties", {})
    absent = keys.keys() - refusal.value.keys()
    for key in refusal.value:
        if key not in keys:
            meant = closest(key, absent)
            near = meant or closest(key, keys)
            fix = f"did you mean `{near}`?" if near else f"remove it; the keys here are {', '.join(keys)}"
            yield Explanation("unknown key", fix, (key,), at_key=True, usable=meant is None)


def _missing_keys(refusal: Refusal) -> Iterator[Explanation]:
    """Leaves out keys that have only been misspelt: the unknown key is told, and what it should be."""
    keys = refusal.schema.get("properties", {})
    absent = keys.keys() - refusal.value.keys()
    closed = refusal.schema.get("additionalProperties") is False
    misspelt = {closest(key, absent) for key in refusal.value if key not in keys} if closed else set()
    for key in refusal.argument:
        if key not in refusal.value and key not in misspelt:
            about = _SENTENCE_END.split(keys.get(key, {}).get("description", ""))[0].rstrip(".")
            yield Explanation(f"the key `{key}` is missing", f"add it: {about}" if about else "add it")


def _repeated_items(refusal: Refusal) -> Iterator[Explanation]:
    seen: set[str] = set()
    for index, item in enumerate(refusal.value):
        text = json.dumps(item, sort_keys=True)
        if text in seen:
            yield Explanation(f"{_show(item)} is in the list twice", "remove one of them", (index,))
        seen.add(text)


def _wrong_type(refusal: Refusal, document: Document) -> Explanation:
    expected = [refusal.argument] if isinstance(refusal.argument, str) else list(refusal.argument)
    needed = " or ".join(_NEEDED.get(name, name) for name in expected)
    value = refusal.value
    written = document.written(refusal.path)[:_LONGEST_SHOWN]
    what = f"{_describe(value, written)} stands where {needed} is needed"
    if expected[0] == "string" and isinstance(value, bool | int | float):
        return Explanation(what, f'put it in quotes: "{written}"')
    # A schema with a title is of something particular, and its message says how that is written.
    particular = refusal.schema.get("patternErrorMessage") if "title" in refusal.schema else None
    fix = particular or _HOW_TO_WRITE.get(expected[0], f"write {needed}")
    return Explanation(what, fix)


def _describe(value: Any, written: str) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        return f"the text {_show(value)}"
    return written if isinstance(value, bool) else f"the number {written}"


def _pattern(refusal: Refusal) -> Explanation:
    title = refusal.schema.get("title", "valid value")
    noun = title if title[1:2].isupper() else title[:1].lower() + title[1:]
    fix = refusal.schema.get("patternErrorMessage", f"write a text that matches {refusal.argument}")
    return Explanation(f"{_show(refusal.value)} is no {noun}", fix)


def _enum(refusal: Refusal) -> Explanation:
    allowed = [str(item) for item in refusal.argument]
    near = closest(refusal.value, allowed) if isinstance(refusal.value, str) else None
    fix = f"did you mean {near}?" if near else f"write {' or '.join(allowed)}"
    return Explanation(f"{_show(refusal.value)} is not one of {known(allowed)}", fix)


def _bound(what: str, fix: str) -> Callable[[Refusal], Explanation]:
    def describe(refusal: Refusal) -> Explanation:
        bound, value = refusal.argument, refusal.value
        size = value if isinstance(value, int | float) else len(value)
        return Explanation(what.format(size=size, bound=bound), fix.format(size=size, bound=bound))

    return describe


def _other(refusal: Refusal) -> Explanation:
    return Explanation(
        f"{_show(refusal.value)} is refused by the schema's `{refusal.keyword}`",
        f"write what it allows: {_show(refusal.argument)}",
    )


_DESCRIPTIONS: Final[Mapping[str, Callable[[Refusal], Explanation]]] = MappingProxyType(
    {
        "pattern": _pattern,
        "enum": _enum,
        "minimum": _bound("{size} is too small", "write {bound} or more"),
        "maximum": _bound("{size} is too large", "write {bound} or less"),
        "minLength": _bound("the text is empty", "write at least {bound} character"),
        "maxLength": _bound("the text has {size} characters", "shorten it to {bound}"),
        "minItems": _bound("the list is empty", "write at least {bound} item"),
        "maxItems": _bound("the list has {size} items", "shorten it to {bound}"),
        "minProperties": _bound("the mapping is empty", "write at least {bound} entry"),
        "maxProperties": _bound("the mapping has {size} entries", "shorten it to {bound}"),
    }
)


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
