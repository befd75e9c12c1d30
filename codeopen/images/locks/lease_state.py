"""What a Lease object of the cluster says of a lock: who holds it, the last events, and the last failure.

``spec`` is as any other Lease has it. What it has no fields for is in two annotations: the state, and the events,
compressed and bounded, because the whole object is written with every renewal.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, NamedTuple

from codeopen.images.locks.lock import EVENTS_KEPT, LockError, Process, Progress

LABELS: Final = {"app.kubernetes.io/managed-by": "codeopen", "app.kubernetes.io/component": "build-lock"}

_STATE: Final = "codeopen.dev/lock"
_EVENTS: Final = "codeopen.dev/lock-events"
_KEY: Final = "codeopen.dev/lock-key"
_KEY_SHOWN: Final = 80
_FORMAT: Final = 1
# Far below what an object may have (256 KB of annotations), because it is read and written often.
_EVENTS_BYTES: Final = 48 * 1024
_LARGEST_PLAIN: Final = 16 * 1024 * 1024
_LARGEST: Final = 1 << 63
_LARGEST_PID: Final = 1 << 31


class Line(NamedTuple):
    """An event as it is stored: its number, its holder's token, and its JSON."""

    number: int
    token: int
    text: str


@dataclass(frozen=True, slots=True)
class Holder:
    """``lease`` is how many seconds it may go without a renewal; ``guarding``, whether it is writing names.

    ``host`` is a name for people.
    """

    owner: str
    process: Process
    lease: float
    host: str
    guarding: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """The last failure: nobody tries again for ``backoff`` seconds, which end at ``until`` of the API server's clock.

    That clock is read to the second; on the host where it failed ``clock_until``, a time of ``clock``, is exact.
    """

    message: str
    attempts: int
    backoff: float
    until: float
    clock: str
    clock_until: float


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a key; ``number`` is that of its last event."""

    token: int = 0
    number: int = 0
    holder: Holder | None = None
    failed: Failed | None = None


class Version(NamedTuple):
    """One object at one time. Without its uid, the API server makes a Lease anew that was removed."""

    uid: str
    number: str


@dataclass(frozen=True)
class Found:
    """A Lease object as it was read."""

    name: str
    version: Version
    renewed: str
    state: State
    packed: str

    @property
    def owner(self) -> str:
        """Empty where nobody holds it."""
        return self.state.holder.owner if self.state.holder else ""

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The events that are kept."""
        return unpack(self.packed)

    @cached_property
    def events(self) -> tuple[Progress, ...]:
        """The same, as followers see them."""
        return tuple(Progress(line.number, line.token, json.loads(line.text)) for line in self.lines)

    @property
    def renewed_at(self) -> float:
        """The last change by its holder's clock, in seconds since the epoch; now where it can't be read."""
        try:
            return datetime.fromisoformat(self.renewed).timestamp()
        except ValueError:
            return datetime.now(UTC).timestamp()


def read_lease(manifest: Mapping[str, Any], place: str) -> Found:
    """A Lease object. What is no state of ours is free: a hand was there. Raises LockError for a newer version's."""
    metadata, spec = manifest["metadata"], manifest.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    return Found(
        name=metadata["name"],
        version=Version(metadata["uid"], metadata["resourceVersion"]),
        renewed=spec.get("renewTime") or "",
        state=_read_state(annotations.get(_STATE, ""), place),
        packed=annotations.get(_EVENTS, ""),
    )


def write_lease(name: str, key: str, state: State, packed: str, version: Version | None = None) -> dict[str, Any]:
    """The manifest; with ``version`` it only takes the place of that one."""
    metadata: dict[str, Any] = {"name": name, "labels": dict(LABELS)}
    metadata["annotations"] = {
        _KEY: ascii(key[:_KEY_SHOWN]),
        _STATE: json.dumps({"format": _FORMAT, **asdict(state)}, separators=(",", ":")),
        _EVENTS: packed,
    }
    if version:
        metadata |= {"uid": version.uid, "resourceVersion": version.number}
    # Always another one than before, and with a fraction, without which the API server refuses it.
    spec: dict[str, Any] = {"renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    if holder := state.holder:
        spec["holderIdentity"] = f"{holder.host} {holder.process.pid} {holder.owner}"
        spec["leaseDurationSeconds"] = math.ceil(holder.lease)
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def pack(lines: Sequence[Line]) -> str:
    """The last events that fit, compressed."""
    kept = list(lines[-EVENTS_KEPT:])
    while kept:
        packed = base64.b64encode(zlib.compress(json.dumps(kept, separators=(",", ":")).encode(), 6)).decode()
        if len(packed) <= _EVENTS_BYTES:
            return packed
        del kept[: len(kept) // 4 + 1]
    return ""


def unpack(packed: str) -> tuple[Line, ...]:
    """The events; none where they are damaged or too many: they are to be looked at, and no more."""
    try:
        plain = zlib.decompressobj().decompress(base64.b64decode(packed, validate=True), _LARGEST_PLAIN)
        lines = tuple(Line(int(number), int(token), str(text)) for number, token, text in json.loads(plain or b"[]"))
        if all(isinstance(json.loads(line.text), dict) for line in lines):
            return lines
    except (ValueError, TypeError, RecursionError, binascii.Error, zlib.error):
        pass
    return ()


def _read_state(text: str, place: str) -> State:
    try:
        value = json.loads(text)
        if value["format"] != _FORMAT:
            raise LockError(f"{place}: a newer version uses these locks; end that, or give this one another namespace")
        holder, failed = value["holder"], value["failed"]
        state = State(
            value["token"],
            value["number"],
            Holder(**{**holder, "process": Process(*holder["process"])}) if holder else None,
            Failed(**failed) if failed else None,
        )
        return state if _is_whole(state) else State()
    except (ValueError, KeyError, TypeError, RecursionError):
        return State()


def _is_whole(state: State) -> bool:
    """Whether every value has its type and can be used as what it is."""
    holder, failed = state.holder, state.failed
    counts = [state.token, state.number, *([holder.process.pid] if holder else []), failed.attempts if failed else 0]
    seconds = [holder.lease] if holder else []
    seconds += [failed.backoff, failed.until, failed.clock_until] if failed else []
    texts = [holder.owner, holder.host, holder.process.host, holder.process.start] if holder else []
    texts += [failed.message, failed.clock] if failed else []
    return (
        all(type(count) is int and 0 <= count < _LARGEST for count in counts)
        and (holder is None or 0 < holder.process.pid < _LARGEST_PID)
        and all(isinstance(each, float | int) and math.isfinite(each) for each in seconds)
        and all(isinstance(text, str) for text in texts)
    )
