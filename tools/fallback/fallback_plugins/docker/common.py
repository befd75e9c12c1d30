"""What several Docker types share: labels, durations, and waiting for an object to be free."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from fallback_plugins.docker.engine import ConflictError
from provider.protocol.properties import Kind, Property, equal
from provider.protocol.values import Properties, Value

LABELS: Final = Property(
    Kind.OBJECT_SET,
    fields=MappingProxyType(
        {"label": Property(Kind.STRING, required=True), "value": Property(Kind.STRING, required=True)}
    ),
)

IN_USE_SECONDS: Final = 30.0
"""How long the official plugin waits for a network or volume that is still in use."""

RETRY_SECONDS: Final = 0.5

NANOSECONDS: Final = {"ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+|0")
_PART: Final = re.compile(r"(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)")


def labels_to_engine(labels: Value) -> dict[str, str]:
    return {str(item["label"]): str(item["value"]) for item in labels or []}


def labels_from_engine(labels: Mapping[str, str] | None) -> list[Properties]:
    return [{"label": label, "value": value} for label, value in sorted((labels or {}).items())]


def nanoseconds(duration: Value) -> int:
    """A Go duration (``1m30s``, ``500ms``) in nanoseconds. Raises ValueError when it isn't one."""
    text = str(duration)
    if not _DURATION.fullmatch(text):
        raise ValueError("must be a duration such as 30s, 1m30s or 500ms")
    return sum(round(float(number) * NANOSECONDS[unit]) for number, unit in _PART.findall(text))


def duration(value: int) -> str:
    """Nanoseconds as Go prints a duration, and the official plugin reads it back: ``1m0s``, ``1.5s``, ``500ms``.

    Source: Go, ``time.Duration.String``.
    """
    below = next((unit for unit in ("s", "ms", "µs", "ns") if value >= NANOSECONDS[unit]), "s")
    if value < NANOSECONDS["m"]:
        return f"{_decimal(Decimal(value) / int(NANOSECONDS[below]))}{below}"
    minutes, rest = divmod(value, int(NANOSECONDS["m"]))
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes}m{_decimal(Decimal(rest) / int(NANOSECONDS['s']))}s"
    return f"{hours}h{text}" if hours else text


def _decimal(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def remove_when_free(remove: Callable[[], Any]) -> None:
    """Remove an object that may be in use for a moment. Raises ConflictError after IN_USE_SECONDS."""
    deadline = time.monotonic() + IN_USE_SECONDS
    while True:
        try:
            remove()
        except ConflictError:
            if time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            return


def drifted(table: Mapping[str, Property], inputs: Properties, actual: Properties) -> Properties:
    """The inputs with the values found where they mean something else than what was asked for."""
    return {
        name: actual[name]
        if name in actual and name in table and not equal(table[name], value, actual[name])
        else value
        for name, value in inputs.items()
    }
