"""A quick "certainly valid" for JSON Schema, so that large catalogs are checked in time.

jsonschema takes some 40 microseconds a value, most of it to be able to report an error. Nearly all values are valid, so
entries that this predicate accepts are not walked again. It only ever says "certainly": a keyword that it doesn't know
makes it say no, and jsonschema decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

Accept = Callable[[Any], bool]
_Make = Callable[[Any, Any], Accept]

_NO_ASSERTIONS: Final = frozenset(
    {"$schema", "$defs", "title", "description", "patternErrorMessage", "then", "else"}  # the last two belong to "if"
)
_TYPES: Final[Mapping[str, tuple[type, ...]]] = MappingProxyType(
    {
        "object": (dict,),
        "array": (list,),
        "string": (str,),
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
        "null": (type(None),),
    }
)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A schema's pattern as its dialect (ECMA 262) means it: ``$`` is the very end, never before a line break."""
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern)


def compile_accept(schema: Any) -> Accept:
    """The predicate for a schema without references. Raises ValueError where the schema is no usable schema."""
    if isinstance(schema, bool):
        return _always if schema else _never
    tests = [test for keyword, value in schema.items() if (test := _test(keyword, value, schema))]
    if len(tests) == 1:
        return tests[0]

    def accept(instance: Any) -> bool:
        for test in tests:  # noqa: SIM110  a generator for each value would take half of the time
            if not test(instance):
                return False
        return True

    return accept


def _test(keyword: str, value: Any, schema: dict[str, Any]) -> Accept | None:
    if keyword in _NO_ASSERTIONS:
        return None
    try:
        make: _Make = _TESTS.get(keyword, _unknown)
        return make(value, schema)
    except (AttributeError, KeyError, TypeError, re.error) as error:
        raise ValueError(f"its keyword {keyword!r} can't be used: {error}") from error


def _always(_: Any) -> bool:
    return True


def _never(_: Any) -> bool:
    return False


def _unknown(_value: Any, _schema: dict[str, Any]) -> Accept:
    return _never


def _type(value: Any, _schema: dict[str, Any]) -> Accept:
    types = frozenset(kind for name in ([value] if isinstance(value, str) else value) for kind in _TYPES[name])
    return lambda instance: type(instance) in types


def _enum(value: Any, _schema: dict[str, Any]) -> Accept:
    texts = frozenset(text for text in value if isinstance(text, str))
    return lambda instance: isinstance(instance, str) and instance in texts


def _pattern(value: Any, _schema: dict[str, Any]) -> Accept:
    search = compile_pattern(value).search
    return lambda instance: not isinstance(instance, str) or search(instance) is not None


def _at_least(kind: type | tuple[type, ...], measure: Callable[[Any], Any]) -> _Make:
    return lambda bound, _: lambda instance: not isinstance(instance, kind) or bool(measure(instance) >= bound)


def _at_most(kind: type | tuple[type, ...], measure: Callable[[Any], Any]) -> _Make:
    return lambda bound, _: lambda instance: not isinstance(instance, kind) or bool(measure(instance) <= bound)


def _items(value: Any, _schema: dict[str, Any]) -> Accept:
    accept = compile_accept(value)
    return lambda instance: not isinstance(instance, list) or all(map(accept, instance))


def _unique_items(value: Any, _schema: dict[str, Any]) -> Accept:
    def accept(instance: Any) -> bool:
        if value is False or not isinstance(instance, list):
            return True
        return all(isinstance(item, str) for item in instance) and len(set(instance)) == len(instance)

    return accept


def _required(value: Any, _schema: dict[str, Any]) -> Accept:
    keys = frozenset(value)
    return lambda instance: not isinstance(instance, dict) or keys <= instance.keys()


def _properties(value: Any, _schema: dict[str, Any]) -> Accept:
    accepts = {key: compile_accept(schema) for key, schema in value.items()}

    def accept(instance: Any) -> bool:
        if not isinstance(instance, dict):
            return True
        return all(accepts[key](item) for key, item in instance.items() if key in accepts)

    return accept


def _additional_properties(value: Any, schema: dict[str, Any]) -> Accept:
    known = frozenset(schema.get("properties", ()))
    accept_value = compile_accept(value)

    def accept(instance: Any) -> bool:
        if not isinstance(instance, dict):
            return True
        return all(accept_value(item) for key, item in instance.items() if key not in known)

    return accept


def _property_names(value: Any, _schema: dict[str, Any]) -> Accept:
    accept = compile_accept(value)
    return lambda instance: not isinstance(instance, dict) or all(map(accept, instance))


def _all_of(value: Any, _schema: dict[str, Any]) -> Accept:
    accepts = [compile_accept(schema) for schema in value]
    return lambda instance: all(accept(instance) for accept in accepts)


def _const(value: Any, _schema: dict[str, Any]) -> Accept:
    return lambda instance: type(instance) is type(value) and bool(instance == value)


def _if(value: Any, schema: dict[str, Any]) -> Accept:
    if not _is_exact(value):
        return _never
    condition = compile_accept(value)
    then, other = compile_accept(schema.get("then", True)), compile_accept(schema.get("else", True))
    return lambda instance: then(instance) if condition(instance) else other(instance)


def _is_exact(schema: Any) -> bool:
    """Whether not accepting means invalid: "not certainly valid" must not choose the other branch of an ``if``."""
    if not schema.keys() <= {"type", "required", "properties", "const", "enum"}:
        return False
    if not all(isinstance(value, str) for value in schema.get("enum", ())):
        return False
    return all(_is_exact(inner) for inner in schema.get("properties", {}).values())


_TESTS: Final[Mapping[str, _Make]] = MappingProxyType(
    {
        "type": _type,
        "enum": _enum,
        "const": _const,
        "pattern": _pattern,
        "minLength": _at_least(str, len),
        "maxLength": _at_most(str, len),
        "minimum": _at_least((int, float), lambda number: number),
        "maximum": _at_most((int, float), lambda number: number),
        "items": _items,
        "minItems": _at_least(list, len),
        "maxItems": _at_most(list, len),
        "uniqueItems": _unique_items,
        "required": _required,
        "properties": _properties,
        "additionalProperties": _additional_properties,
        "propertyNames": _property_names,
        "minProperties": _at_least(dict, len),
        "maxProperties": _at_most(dict, len),
        "allOf": _all_of,
        "if": _if,
    }
)
