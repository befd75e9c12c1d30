from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_plugins.docker.common import duration, nanoseconds
from fallback_plugins.docker.container_table import CONTAINER
from provider.protocol.properties import Change, Failure, Kind, Property, differences, equal, validate
from provider.protocol.values import UNKNOWN, Properties, Value

LABEL = {"label": "b", "value": "2"}
TABLE = {
    "name": Property(Kind.STRING, required=True),
    "size": Property(Kind.INTEGER, change=Change.UPDATE, lift=Change.REPLACE),
    "mode": Property(Kind.STRING, default="slow", allowed=("slow", "fast")),
    "parts": Property(Kind.OBJECTS, fields={"path": Property(Kind.STRING, required=True)}),
}


@pytest.mark.parametrize(
    ("inputs", "path", "reason"),
    [
        ({}, "name", "is required; set it"),
        ({"name": "a", "nmae": "b"}, "nmae", "is not supported by X (closest supported: name); remove it"),
        ({"name": "a", "size": "big"}, "size", "must be of type integer, not a string"),
        ({"name": "a", "size": True}, "size", "must be of type integer, not a boolean"),
        ({"name": "a", "mode": "medium"}, "mode", "must be one of slow, fast"),
        ({"name": "a", "parts": {"path": "x"}}, "parts", "must be of type list of objects, not an object"),
        ({"name": "a", "parts": [{"path": "x"}, {}]}, "parts[1].path", "is required; set it"),
        ({"name": "a", "parts": [{"path": "x", "to": "y"}]}, "parts[0].to", "is not supported by X; remove it"),
    ],
)
def test_what_cant_be_used_is_named_with_its_place(inputs: Properties, path: str, reason: str) -> None:
    assert validate(TABLE, inputs, "X") == [Failure(path, reason)]


def test_unknown_values_pass_and_a_wrong_value_is_never_shown() -> None:
    assert validate(TABLE, {"name": UNKNOWN, "size": UNKNOWN, "parts": [UNKNOWN, {"path": UNKNOWN}]}, "X") == []
    assert "hunter2" not in str(validate(TABLE, {"name": "a", "size": "hunter2"}, "X"))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("envs", ["A=1", "B=2"], ["B=2", "A=1"]),
        ("labels", [{"label": "a", "value": "1"}, LABEL], [LABEL, {"value": "1", "label": "a"}]),
        ("ports", [{"internal": 80}], [{"internal": 80, "ip": "0.0.0.0", "protocol": "tcp"}]),  # noqa: S104 - compared only
        ("healthcheck", {"tests": ["CMD", "x"], "interval": "60s"}, {"tests": ["CMD", "x"], "interval": "1m0s"}),
        ("restart", None, "no"),
        ("start", True, None),
        ("cpus", "1.50", "1.5"),
        ("securityOpts", [], None),
    ],
)
def test_other_spellings_of_the_same_are_no_change(name: str, old: Value, new: Value) -> None:
    assert equal(CONTAINER[name], old, new)
    assert equal(CONTAINER[name], new, old)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("command", ["a", "b"], ["b", "a"]),
        ("ports", [{"internal": 80}], [{"internal": 80, "external": 8080}]),
        ("ports", [{"internal": 80, "external": 8080}], [{"internal": 80}]),
        ("networksAdvanced", [{"name": "net"}], [{"name": UNKNOWN}]),
        ("memory", 64, 65),
        ("start", None, False),
    ],
)
def test_real_changes_are_seen(name: str, old: Value, new: Value) -> None:
    assert not equal(CONTAINER[name], old, new)


def test_taking_a_limit_away_can_cost_more_than_changing_it() -> None:
    changed = differences(TABLE, {"name": "a", "size": 1}, {"name": "a", "size": 2})
    lifted = differences(TABLE, {"name": "a", "size": 1}, {"name": "a"})
    assert [(item.name, item.change) for item in changed] == [("size", Change.UPDATE)]
    assert [(item.name, item.change, item.removed) for item in lifted] == [("size", Change.REPLACE, True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30s", 30e9), ("1m30s", 90e9), ("500ms", 5e8), ("1.5h", 5400e9), ("0", 0), ("0s", 0)],
)
def test_go_durations_are_read(text: str, expected: float) -> None:
    assert nanoseconds(text) == expected


@pytest.mark.parametrize("text", ["", "30", "s", "-1s", "1 s", "1d"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        nanoseconds(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # Go 1.24: fmt.Println(time.Duration(value))
        (0, "0s"), (1, "1ns"), (1_500, "1.5µs"), (500_000_000, "500ms"), (5_000_000_000, "5s"),
        (59_999_999_999, "59.999999999s"), (60_000_000_000, "1m0s"), (90_500_000_000, "1m30.5s"),
        (600_000_000_000, "10m0s"), (3_600_000_000_000, "1h0m0s"), (5_400_000_000_000, "1h30m0s"),
        (360_000_000_000_000, "100h0m0s"),
    ],
)  # fmt: skip
def test_durations_are_written_as_go_does(value: int, text: str) -> None:
    assert duration(value) == text


@pytest.mark.parametrize("name", ["interval", "timeout", "startPeriod"])
def test_another_spelling_of_a_duration_is_a_change_that_is_recorded_only(name: str) -> None:
    """As with the official plugin, which reads `60s` back as `1m0s`. The container stays."""
    old, new = ({"healthcheck": {"tests": ["CMD", "x"], name: text}} for text in ("1m0s", "60s"))
    (found,) = differences(CONTAINER, old, new)
    assert (found.name, found.change) == ("healthcheck", Change.UPDATE)
    (other,) = differences(CONTAINER, old, {"healthcheck": {"tests": ["CMD", "x"], name: "61s"}})
    assert other.change is Change.REPLACE
    assert differences(CONTAINER, old, old) == []


def test_an_absent_duration_is_that_of_the_official_default() -> None:
    (absent, zero, spelled) = ({"healthcheck": {"tests": ["CMD", "x"], **each}} for each in (
        {}, {"interval": "0s"}, {"interval": "0ms"}
    ))  # fmt: skip
    assert differences(CONTAINER, absent, zero) == []
    assert [each.change for each in differences(CONTAINER, absent, spelled)] == [Change.UPDATE]


@given(st.integers(0, 10**15))
def test_a_duration_written_is_the_duration_read(value: int) -> None:
    assert nanoseconds(duration(value)) == value
