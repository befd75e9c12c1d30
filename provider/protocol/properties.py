"""The table of a resource type's properties, and what follows from it: validation and comparison."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from provider.protocol.values import UNKNOWN, Properties, Value, is_known


class Kind(Enum):
    """The type of a property's value."""

    STRING = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    STRINGS = "list of strings"
    STRING_SET = "set of strings"
    STRING_MAP = "map of strings"
    OBJECT = "object"
    OBJECTS = "list of objects"
    OBJECT_SET = "set of objects"


class Change(Enum):
    """What a change of a property does to the object."""

    REPLACE = "replace"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Property:
    """One property: its kind, what a change of it does, and the value that its absence stands for.

    ``lift`` says what taking the property away does, where that differs from ``change``. ``differs`` tells readers of
    the reference where the official plugin behaves otherwise. ``canonical`` maps equal spellings to one value, and a
    property that isn't ``compared`` never counts as changed. Another spelling of one that is ``spelled`` is a change
    that is only recorded, as by the official plugin, which reads one spelling back.
    """

    kind: Kind
    change: Change = Change.REPLACE
    required: bool = False
    default: Value = None
    allowed: tuple[str, ...] = ()
    fields: Mapping[str, Property] = field(default_factory=dict)
    lift: Change | None = None
    canonical: Callable[[Value], Value] | None = None
    compared: bool = True
    spelled: bool = False
    differs: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """One property that can't be used, and why."""

    path: str
    reason: str


def validate(table: Mapping[str, Property], inputs: Mapping[str, Value], who: str, path: str = "") -> list[Failure]:
    """Every reason why these inputs can't be used; ``who`` names the resource type and the plugin in the texts."""
    failures = [
        Failure(f"{path}{name}", _unknown_property(name, table, who))
        for name in inputs
        if name not in table and not name.startswith("__")
    ]
    for name, prop in table.items():
        value = inputs.get(name)
        if value is None:
            if prop.required:
                failures.append(Failure(f"{path}{name}", "is required; set it"))
        elif value is not UNKNOWN:
            failures += _validate_value(prop, value, who, f"{path}{name}")
    return failures


def _unknown_property(name: str, table: Mapping[str, Property], who: str) -> str:
    close = difflib.get_close_matches(name, table, n=1)
    hint = f" (closest supported: {close[0]})" if close else ""
    return f"is not supported by {who}{hint}; remove it"


def _validate_value(prop: Property, value: Value, who: str, path: str) -> list[Failure]:
    if prop.kind is Kind.OBJECT:
        return _validate_object(prop, value, who, path)
    if prop.kind in {Kind.OBJECTS, Kind.OBJECT_SET} and isinstance(value, list):
        return [
            failure
            for index, item in enumerate(value)
            if item is not UNKNOWN
            for failure in _validate_object(prop, item, who, f"{path}[{index}]")
        ]
    reason = _misfit(prop, value)
    return [Failure(path, reason)] if reason else []


def _misfit(prop: Property, value: Value) -> str:
    """Why the value doesn't fit the property, or nothing."""
    if not _has_kind(prop.kind, value):
        return f"must be of type {prop.kind.value}, not {_described(value)}"
    if prop.allowed and value not in prop.allowed:
        return f"must be one of {', '.join(prop.allowed)}"
    if prop.canonical is not None:
        try:
            prop.canonical(value)
        except ValueError as error:
            return str(error)
    return ""


def _validate_object(prop: Property, value: Value, who: str, path: str) -> list[Failure]:
    if not isinstance(value, Mapping):
        return [Failure(path, "must be an object")]
    return validate(prop.fields, value, who, f"{path}.")


def _has_kind(kind: Kind, value: Value) -> bool:
    match kind:
        case Kind.STRING:
            return isinstance(value, str)
        case Kind.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool)
        case Kind.BOOLEAN:
            return isinstance(value, bool)
        case Kind.STRINGS | Kind.STRING_SET:
            return isinstance(value, list) and all(isinstance(item, str) or item is UNKNOWN for item in value)
        case Kind.OBJECTS | Kind.OBJECT_SET:
            return isinstance(value, list)
        case _:
            return isinstance(value, Mapping) and all(
                isinstance(item, str) or item is UNKNOWN for item in value.values()
            )


def _described(value: Value) -> str:
    """The value's type only: a text that lands in the output must not show what may be a secret."""
    names = {bool: "a boolean", int: "an integer", float: "a fraction", str: "a string", list: "a list"}
    return names.get(type(value), "an object")


def canonical(prop: Property, value: Value, *, spelled: bool = False) -> Value:  # noqa: PLR0911 - one for each kind
    """One form for equal values: defaults filled in, sets sorted, empty the same as absent.

    With ``spelled``, those whose spelling counts keep theirs.
    """
    if value is None or value in ([], {}):
        value = prop.default
        if prop.canonical is None or value is None:
            return value
    match prop.kind:
        case _ if not is_known(value):
            return value
        case Kind.OBJECT:
            return canonical_fields(prop.fields, value, spelled=spelled)
        case Kind.OBJECTS:
            return [canonical_fields(prop.fields, item, spelled=spelled) for item in value]
        case Kind.OBJECT_SET:
            return sorted((canonical_fields(prop.fields, item, spelled=spelled) for item in value), key=_sort_key)
        case Kind.STRING_SET:
            return sorted(set(value), key=_sort_key)
    return value if prop.canonical is None or (spelled and prop.spelled) else prop.canonical(value)


def canonical_fields(fields: Mapping[str, Property], value: Value, *, spelled: bool = False) -> Value:
    """The canonical form of an object's fields, absent ones left out."""
    if not isinstance(value, Mapping):
        return value
    items = {name: canonical(prop, value.get(name), spelled=spelled) for name, prop in fields.items()}
    return {name: item for name, item in items.items() if item is not None}


def _sort_key(value: Value) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def equal(prop: Property, old: Value, new: Value, *, spelled: bool = False) -> bool:
    """Whether two values mean the same; one that isn't known yet equals nothing that is recorded."""
    return not prop.compared or bool(canonical(prop, old, spelled=spelled) == canonical(prop, new, spelled=spelled))


@dataclass(frozen=True, slots=True)
class Difference:
    """How one property differs between the recorded inputs and the program's."""

    name: str
    change: Change
    added: bool
    removed: bool


def differences(table: Mapping[str, Property], old: Properties, new: Properties) -> list[Difference]:
    """The properties that differ, in the table's order."""
    found = []
    for name, prop in table.items():
        old_value, new_value = old.get(name), new.get(name)
        if equal(prop, old_value, new_value, spelled=True):
            continue
        removed = new_value is None
        change = prop.lift if removed and prop.lift is not None else prop.change
        if equal(prop, old_value, new_value):
            change = Change.UPDATE
        found.append(Difference(name, change, added=old_value is None, removed=removed))
    return found
