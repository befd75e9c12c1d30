"""What a Lease object says of a lock, and what it says when it is damaged."""

from __future__ import annotations

import base64
import json
import random
import zlib
from typing import Any

import pytest

from codeopen.images.locks.lease_state import (
    Failed,
    Holder,
    Line,
    State,
    Version,
    pack,
    read_lease,
    unpack,
    write_lease,
)
from codeopen.images.locks.lock import EVENTS_KEPT, LockError, Process

STATE = State(
    token=7,
    number=3,
    holder=Holder("0123", Process("boot node ns", 1, "2"), 10.0, "node", guarding=True),
    failed=Failed("no space\0", 2, 4.0, 1e9, "clock", 5.0),
)


def stored(manifest: dict[str, Any]) -> dict[str, Any]:
    """As the API server gives it back."""
    return {**manifest, "metadata": {"resourceVersion": "1", **manifest["metadata"], "uid": "u"}}


def test_a_state_comes_back_as_it_was_written() -> None:
    packed = pack([Line(1, 7, '{"a":1}')])
    for state in (State(), STATE):
        found = read_lease(stored(write_lease("name", "key", state, packed, Version("u", "5"))), "here")
        assert (found.state, found.version, found.lines) == (state, ("u", "5"), (Line(1, 7, '{"a":1}'),))


def test_events_are_bounded_in_number_and_bytes_and_the_last_stay() -> None:
    lines = [Line(number, 1, json.dumps({"n": number})) for number in range(3 * EVENTS_KEPT)]
    assert unpack(pack(lines)) == tuple(lines[-EVENTS_KEPT:])
    noise = random.Random(0)  # noqa: S311 - not a secret
    large = [Line(number, 1, json.dumps({"x": noise.randbytes(500).hex()})) for number in range(500)]
    kept = unpack(pack(large))
    assert len(pack(large)) <= 48 * 1024
    assert 20 < len(kept) < 500
    assert kept == tuple(large[-len(kept) :])
    assert unpack(pack([Line(1, 1, json.dumps({"x": noise.randbytes(100_000).hex()}))])) == ()


@pytest.mark.parametrize(
    "plain",
    ["", "[", "[1]", "[[1,2]]", '[[1,2,"no json"]]', '[[1,2,"[]"]]', '{"a":1}', "[" * 100_000, "[]" * 9_000_000],
)
def test_damaged_events_are_none(plain: str) -> None:
    assert unpack(base64.b64encode(zlib.compress(plain.encode())).decode()) == ()


@pytest.mark.parametrize("packed", ["", "%", "AAAA", "eJw="])
def test_what_is_not_packed_is_no_event(packed: str) -> None:
    assert unpack(packed) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"token": -1},
        {"token": "1"},
        {"token": 1 << 63},
        {"number": None},
        {"holder": 1},
        {"holder": {"owner": "x", "process": ["h", 1], "lease": 1, "host": "", "guarding": False}},
        {"holder": {"owner": 1, "process": ["h", 1, "s"], "lease": 1, "host": "", "guarding": False}},
        {"holder": {"owner": "x", "process": ["h", 0, "s"], "lease": 1, "host": "", "guarding": False}},
        {"holder": {"owner": "x", "process": ["h", 1, "s"], "lease": float("inf"), "host": "", "guarding": False}},
        {"failed": {"message": 1}},
        {
            "failed": {
                "message": "",
                "attempts": 1,
                "backoff": float("nan"),
                "until": 1,
                "clock": "",
                "clock_until": 1,
            }
        },
    ],
)
def test_a_damaged_state_is_free(change: dict[str, Any]) -> None:
    manifest = stored(write_lease("name", "key", STATE, ""))
    annotations = manifest["metadata"]["annotations"]
    annotations["codeopen.dev/lock"] = json.dumps({**json.loads(annotations["codeopen.dev/lock"]), **change})
    assert read_lease(manifest, "here").state == State()


def test_a_newer_state_is_refused_and_a_bare_object_is_free() -> None:
    manifest = stored(write_lease("name", "key", STATE, ""))
    manifest["metadata"]["annotations"]["codeopen.dev/lock"] = '{"format":2}'
    with pytest.raises(LockError, match="here: a newer version uses these locks"):
        read_lease(manifest, "here")
    bare = read_lease({"metadata": {"name": "n", "uid": "u", "resourceVersion": "1"}}, "here")
    assert (bare.state, bare.owner, bare.events) == (State(), "", ())
