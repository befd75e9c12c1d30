from __future__ import annotations

import pytest
from google.protobuf import struct_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from provider.protocol.values import (
    OUTPUT_SIGNATURE,
    SECRET_SIGNATURE,
    SIGNATURE_KEY,
    UNKNOWN,
    UNKNOWN_TEXT,
    Secret,
    UnsupportedValueError,
    from_struct,
    is_known,
    to_struct,
)

scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer()),
    st.text().filter(lambda text: text != UNKNOWN_TEXT),
    st.just(UNKNOWN),
)
keys = st.text().filter(lambda key: key != SIGNATURE_KEY)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=8)


@settings(deadline=None)
@given(st.dictionaries(keys, values))
def test_properties_survive_the_way_to_the_engine_and_back(properties: dict[str, object]) -> None:
    assert from_struct(to_struct(properties)) == properties


def test_whole_numbers_come_back_as_integers() -> None:
    assert isinstance(from_struct(to_struct({"memory": 64}))["memory"], int)
    assert from_struct(to_struct({"yes": True}))["yes"] is True


def test_a_secret_is_marked_for_the_engine_and_hidden_in_texts() -> None:
    struct = to_struct({"password": Secret("hunter2")})
    wrapped = struct.fields["password"].struct_value.fields
    assert wrapped[SIGNATURE_KEY].string_value == SECRET_SIGNATURE
    assert wrapped["value"].string_value == "hunter2"
    assert "hunter2" not in repr(Secret("hunter2"))
    assert "hunter2" not in f"{Secret('hunter2')}"


def test_secrets_and_outputs_from_the_engine_are_unwrapped() -> None:
    wrapped = {"a": {SIGNATURE_KEY: SECRET_SIGNATURE, "value": "x"}, "b": {SIGNATURE_KEY: OUTPUT_SIGNATURE}}
    assert from_struct(to_struct(wrapped)) == {"a": "x", "b": UNKNOWN}


def test_assets_are_refused() -> None:
    asset = {"file": {SIGNATURE_KEY: "c44067f5952c0a294b673a41bacd8c17", "text": "x"}}
    with pytest.raises(UnsupportedValueError):
        from_struct(to_struct(asset))


def test_absent_properties_are_left_out() -> None:
    assert to_struct({"a": None, "b": 1}) == struct_pb2.Struct(fields={"b": struct_pb2.Value(number_value=1)})


def test_one_unknown_part_makes_a_value_unknown() -> None:
    assert not is_known([{"name": UNKNOWN}])
    assert is_known([{"name": "net"}])
