"""What types share whose output ``ref`` is ``repository@digest``: found again by it, and never deleted."""

from __future__ import annotations

from abc import abstractmethod
from threading import Event
from typing import ClassVar

from codeopen.errors import CodeOpenError
from codeopen.images.registry.registry import Registry
from provider.protocol.errors import PluginError
from provider.protocol.resource import Change, Observed, ResourceType, Stored
from provider.protocol.values import Properties


class PinnedImage(ResourceType):
    """A resource whose ``ref`` follows from its inputs, e.g. ``repository``. ``noun`` is what messages call it."""

    noun: ClassVar[str]
    computed: ClassVar[tuple[str, ...]] = ("ref",)

    @abstractmethod
    def find_ref(self, registry: str, repository: str, inputs: Properties) -> str:
        """``repository@digest`` for checked inputs. Raises CodeOpenError or PluginError."""

    def create(self, inputs: Properties, cancelled: Event) -> Stored:  # noqa: ARG002
        outputs = self._with_ref(inputs)
        return Stored(str(outputs["ref"]), outputs)

    def read(self, identifier: str, inputs: Properties, outputs: Properties) -> Observed | None:
        if not inputs or "ref" not in outputs:
            raise PluginError(f"the {self.noun} {identifier} can't be imported; let Pulumi create it")
        host, _, repository = str(inputs["repository"]).partition("/")
        try:
            there = Registry(host).find_manifest(repository, str(outputs["ref"]).rpartition("@")[2])
        except CodeOpenError as error:
            raise PluginError(str(error)) from error
        return Observed(identifier, inputs, outputs) if there else None

    def update(self, change: Change, outputs: Properties, cancelled: Event) -> Properties:  # noqa: ARG002
        return self._with_ref(change.new)

    def delete(self, identifier: str, outputs: Properties) -> None:
        """Nothing is deleted from a registry by a replacement or a destroy."""

    def _with_ref(self, inputs: Properties) -> Properties:
        host, _, repository = str(inputs["repository"]).partition("/")
        try:
            return {**inputs, "ref": self.find_ref(host, repository, inputs)}
        except CodeOpenError as error:
            raise PluginError(str(error)) from error
