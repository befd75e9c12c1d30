"""What happens while an image is made, as values: for a live view, for JSON lines, and for those who wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Step(StrEnum):
    """The steps to an image, in their order; DONE and FAILED are the last of a call."""

    PARTS = "parts"
    BUILDING = "building"
    LOG = "log"
    BUILT = "built"
    JUDGING = "judging"
    CHAINING = "chaining"
    COMPOSING = "composing"
    WRITING = "writing"
    SIGNING = "signing"
    TAGGING = "tagging"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to ``subject``, an image's repository; ``text`` says it to a person."""

    step: Step
    subject: str
    text: str

    def as_data(self) -> dict[str, Any]:
        """The event as JSON types."""
        return {"step": self.step.value, "subject": self.subject, "text": self.text}


Tell = Callable[[Event], None]


def read_event(value: Mapping[str, Any]) -> Event:
    """The event that ``as_data`` gave. Raises KeyError or ValueError for something else."""
    return Event(Step(value["step"]), str(value["subject"]), str(value["text"]))
