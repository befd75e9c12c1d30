"""Property values between the engine's protobuf ``Struct`` and Python.

Format: Pulumi's property wire format, where a ``Struct`` with a signature key stands for a secret, an asset or an
output, and one reserved string for a value that isn't known yet (during a preview).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

from google.protobuf import struct_pb2

SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a marker of the wire format
OUTPUT_SIGNATURE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class Unknown(Enum):
    """The type of the one value that says "not known before the update"."""

    UNKNOWN = UNKNOWN_TEXT


UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A value that the engine must encrypt in the state and hide in its output; ``repr`` doesn't show it."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(…)"


Value: TypeAlias = Any  # None, bool, int, float, str, list, dict, UNKNOWN, Secret: a recursive type that mypy can't use
Properties: TypeAlias = dict[str, Value]


class UnsupportedValueError(ValueError):
    """A value of a kind that none of these providers takes: an asset, an archive or a resource reference."""


def from_struct(struct: struct_pb2.Struct) -> Properties:
    """Python's form of a ``Struct``; secrets are unwrapped, since the engine keeps track of them itself.

    Raises UnsupportedValueError for assets, archives and resource references.
    """
    return {key: _from_value(value) for key, value in struct.fields.items()}


def _from_value(value: struct_pb2.Value) -> Value:
    match value.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if value.string_value == UNKNOWN_TEXT else str(value.string_value)
        case "number_value":
            number = float(value.number_value)
            return int(number) if number.is_integer() else number
        case "bool_value":
            return bool(value.bool_value)
        case "list_value":
            return [_from_value(item) for item in value.list_value.values]
        case "struct_value":
            return _from_object(value.struct_value)
        case _:
            return None


def _from_object(struct: struct_pb2.Struct) -> Value:
    if SIGNATURE_KEY not in struct.fields:
        return from_struct(struct)
    signature = struct.fields[SIGNATURE_KEY].string_value
    if signature in {SECRET_SIGNATURE, OUTPUT_SIGNATURE}:
        return _from_value(struct.fields["value"]) if "value" in struct.fields else UNKNOWN
    raise UnsupportedValueError("assets, archives and resource references are not supported")


def to_struct(properties: Mapping[str, Value]) -> struct_pb2.Struct:
    """The ``Struct`` of these properties; absent ones (``None``) are left out."""
    return struct_pb2.Struct(
        fields={key: _to_value(value) for key, value in properties.items() if value is not None},
    )


def _to_value(value: Value) -> struct_pb2.Value:  # noqa: PLR0911 - one return for each kind of value
    match value:
        case None:
            return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
        case Unknown():
            return struct_pb2.Value(string_value=UNKNOWN_TEXT)
        case Secret():
            wrapped = {SIGNATURE_KEY: SECRET_SIGNATURE, "value": value.value}
            return struct_pb2.Value(struct_value=to_struct(wrapped))
        case bool():
            return struct_pb2.Value(bool_value=value)
        case int() | float():
            return struct_pb2.Value(number_value=value)
        case str():
            return struct_pb2.Value(string_value=value)
        case Mapping():
            return struct_pb2.Value(struct_value=to_struct(value))
        case list() | tuple():
            return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_to_value(item) for item in value]))
        case _:
            raise TypeError(f"a property can't hold a {type(value).__name__}")


def is_known(value: Value) -> bool:
    """Whether no part of the value is unknown."""
    match value:
        case Unknown():
            return False
        case Mapping():
            return all(is_known(item) for item in value.values())
        case list() | tuple():
            return all(is_known(item) for item in value)
        case _:
            return True
