"""The events of a Pulumi operation, read from its event log while it runs: one JSON object a line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

IMAGE_TYPE: Final = "docker-build:index:Image"
COMPOSED_TYPE: Final = "codeopen:index:ComposedImage"
MAKING: Final = frozenset({"create", "update", "create-replacement"})
# BuildKit's plain progress: `#7 [ 4/10] RUN …` names a step, `#7 CACHED` says that it was not run.
_STEP: Final = re.compile(r"#(\d+) \[[^\]]*\d+/\d+\] (?:RUN|COPY|ADD) ")
_CACHED: Final = re.compile(r"#(\d+) CACHED")
_MARKUP: Final = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Event:
    """A resource that an operation is done with; ``operation`` is the engine's word for it, as ``create``."""

    operation: str
    type: str
    name: str
    seconds: int
    built: bool
    failed: bool


class EventLog:
    """Reads the log of a running operation, piece by piece. ``errors`` and ``warnings`` hold diagnostics."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0
        self._started: dict[str, int] = {}
        self._steps: dict[str, set[str]] = {}
        self._events: list[Event] = []
        self._builds: list[str] = []
        self.errors: list[str] = []
        self.warnings: list[str] = []

    @property
    def events(self) -> tuple[Event, ...]:
        return tuple(self._events)

    def read(self) -> list[Event]:
        """What came since the last call. A line that is still being written waits for the next one."""
        if not self._file.is_file():
            return []
        with self._file.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        found = [event for line in whole.splitlines() if (event := self._take(json.loads(line))) is not None]
        self._events.extend(found)
        return found

    def _take(self, entry: Mapping[str, Any]) -> Event | None:
        if "resourcePreEvent" in entry:
            self._begin(entry["resourcePreEvent"]["metadata"], entry["timestamp"])
        elif "diagnosticEvent" in entry:
            self._diagnose(entry["diagnosticEvent"])
        elif "resOutputsEvent" in entry:
            return self._finish(entry["resOutputsEvent"]["metadata"], entry["timestamp"], failed=False)
        elif "resOpFailedEvent" in entry:
            return self._finish(entry["resOpFailedEvent"]["metadata"], entry["timestamp"], failed=True)
        return None

    def _begin(self, metadata: Mapping[str, Any], timestamp: int) -> None:
        urn: str = metadata["urn"]
        self._started[urn] = timestamp
        if metadata["type"] == IMAGE_TYPE and metadata["op"] in MAKING:
            self._builds.append(urn.rpartition("::")[2])

    def take_builds(self) -> list[str]:
        """The images whose build has begun since the last call: the operations that take minutes."""
        begun, self._builds = self._builds, []
        return begun

    def _diagnose(self, diagnostic: Mapping[str, Any]) -> None:
        message = _MARKUP.sub("", diagnostic.get("message", ""))
        if diagnostic.get("severity") == "error":
            self.errors.append(message.strip())
        elif diagnostic.get("severity") == "warning":
            self.warnings.append(message.strip())
        steps = self._steps.setdefault(diagnostic.get("urn", ""), set())
        for line in message.splitlines():
            if step := _STEP.match(line):
                steps.add(step[1])
            elif cached := _CACHED.match(line):
                steps.discard(cached[1])

    def _finish(self, metadata: Mapping[str, Any], timestamp: int, *, failed: bool) -> Event:
        urn: str = metadata["urn"]
        return Event(
            operation=metadata["op"],
            type=metadata["type"],
            name=urn.rpartition("::")[2],
            seconds=timestamp - self._started.get(urn, timestamp),
            built=bool(self._steps.get(urn)),
            failed=failed,
        )
