"""Reads ``codeopen:cluster`` of a stack's configuration into ClusterSettings: names in camel case, nothing unknown."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from codeopen.environment.cluster_settings import ClusterSettings
from codeopen.errors import SettingsError
from codeopen.model.selection.closest import closest

Record = TypeVar("Record")
Value = TypeVar("Value")
_WHOLE = re.compile(r"[-+]?[0-9]+")
_WORDS = {str: "a text", int: "a whole number", bool: "true or false"}


def read_cluster_settings(values: Mapping[str, Any], place: str = "codeopen:cluster") -> ClusterSettings:
    """The settings of a cluster. Raises SettingsError that names the key."""
    return read_record(ClusterSettings, values, place)


def read_record(kind: type[Record], values: Any, place: str) -> Record:
    """A frozen dataclass from a mapping whose keys are its fields in camel case. Raises SettingsError."""
    if not isinstance(values, Mapping):
        raise SettingsError(f"{place}: {values!r} is no mapping; write `key: value` lines below it")
    hints = get_type_hints(kind)
    names = {camel_case(field.name): field for field in fields(kind)}  # type: ignore[arg-type] # every caller's is one
    for key in values:
        if key not in names:
            raise SettingsError(f"{place}.{key}: there is no such key; {closest(str(key), sorted(names))}")
    for key, field in names.items():
        if field.default is MISSING and field.default_factory is MISSING and key not in values:
            raise SettingsError(f"{place}.{key} is missing; write it")
    read = {names[key].name: _value(hints[names[key].name], value, f"{place}.{key}") for key, value in values.items()}
    return kind(**read)


def _value(kind: Any, value: Any, place: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return None if value is None else _value(inner[0], value, place)
    if origin is tuple:
        if not isinstance(value, list):
            raise SettingsError(f"{place}: {value!r} is no list; write one item a line")
        return tuple(_value(inner[0], item, f"{place}[{number}]") for number, item in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise SettingsError(f"{place}: {value!r} is no mapping; write `key: value` lines below it")
        return MappingProxyType({str(key): _value(inner[1], item, f"{place}.{key}") for key, item in value.items()})
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if value not in {member.value for member in kind}:
            words = ", ".join(member.value for member in kind)
            raise SettingsError(f"{place}: {value!r} is not one of {words}; take one of them")
        return kind(value)
    if is_dataclass(kind):
        return read_record(kind, value, place)  # type: ignore[arg-type] # a class: fields are typed with classes
    read = scalar(kind, value)
    if read is None:
        raise SettingsError(f"{place}: {value!r} is not {_WORDS[kind]}; write it so")
    return read


def scalar(kind: type[Value], value: Any) -> Value | None:
    """A value as the kind that a key has; None for what is none.

    The Pulumi CLI keeps ``true`` and ``5000`` as text at the top, and below it makes a number of an owner ``42``.
    """
    read: Any = None
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        read = value
    elif kind is str and isinstance(value, bool | int | float):
        read = str(value).lower() if isinstance(value, bool) else str(value).removesuffix(".0")
    elif kind is bool and isinstance(value, str):
        read = {"true": True, "false": False}.get(value.lower())
    elif kind is int and isinstance(value, str) and _WHOLE.fullmatch(value):
        read = int(value)
    return cast("Value | None", read)


def camel_case(name: str) -> str:
    """A field's name as configuration has it, as ``storageClass``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
