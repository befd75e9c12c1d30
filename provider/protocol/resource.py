"""What a resource type of these providers does; the provider knows nothing more about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event
from typing import ClassVar, Final

from provider.protocol.properties import Difference, Failure, Property, differences, validate
from provider.protocol.values import UNKNOWN, Properties

AUTO_NAMED: Final = "__defaults"
"""Where the official bridge records which inputs it made up; a name made up may differ in a replacement."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it exists: its id, and the properties that go into the state."""

    identifier: str
    outputs: Properties


@dataclass(frozen=True, slots=True)
class Observed:
    """An object as a refresh or an import found it; ``inputs`` are those that would make it so."""

    identifier: str
    inputs: Properties
    outputs: Properties


@dataclass(frozen=True, slots=True)
class Change:
    """An update in place: the recorded inputs and the new ones."""

    identifier: str
    old: Properties
    new: Properties


class ResourceType(ABC):
    """One resource type. Its operations raise PluginError, or InitialisationError when something is left behind."""

    token: ClassVar[str]
    table: ClassVar[Mapping[str, Property]]
    computed: ClassVar[tuple[str, ...]] = ()
    named: ClassVar[bool] = False
    """Whether ``name`` identifies the object outside, so that one is made up where the program gives none."""

    def check(self, inputs: Properties, who: str) -> tuple[Properties, list[Failure]]:
        """The inputs to keep, and why they can't be used; ``who`` names the plugin in the texts."""
        return inputs, validate(self.table, inputs, who)

    def compare(self, old: Properties, new: Properties) -> list[Difference]:
        """What differs between the recorded inputs and the program's."""
        return differences(self.table, old, new)

    def deletes_before_replacing(self, olds: Properties, news: Properties) -> bool:
        """Whether the old object has to go first: two of one name can't exist at a time."""
        return self.named and olds.get("name") == news.get("name") and "name" not in (news.get(AUTO_NAMED) or [])

    def preview(self, inputs: Properties) -> Properties:
        """The outputs that a preview of creating shows."""
        return {**inputs, **dict.fromkeys(self.computed, UNKNOWN)}

    def preview_update(self, inputs: Properties, outputs: Properties) -> Properties:
        """The outputs that a preview of an update in place shows."""
        return {**inputs, **{name: outputs[name] for name in self.computed if name in outputs}}

    @abstractmethod
    def create(self, inputs: Properties, cancelled: Event) -> Stored:
        """Make the object; adopts nothing that exists already."""

    @abstractmethod
    def read(self, identifier: str, inputs: Properties, outputs: Properties) -> Observed | None:
        """Look the object up; ``None`` when it is gone. Without ``inputs`` this is an import."""

    @abstractmethod
    def update(self, change: Change, outputs: Properties, cancelled: Event) -> Properties:
        """Change the object in place; gives the new outputs."""

    @abstractmethod
    def delete(self, identifier: str, outputs: Properties) -> None:
        """Remove the object; one that is gone already is no error."""
