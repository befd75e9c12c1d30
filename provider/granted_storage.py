"""``codeopen:index:GrantedStorage``: the size of a project's disk, which grows and never shrinks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Event
from typing import ClassVar

from provider.kubernetes.kubeconfig import Choice
from provider.live_claim import claimed_gigabytes
from provider.protocol.errors import PluginError
from provider.protocol.properties import Change, Kind, Property
from provider.protocol.resource import Change as InPlaceChange
from provider.protocol.resource import Observed, ResourceType, Stored
from provider.protocol.values import Properties


class GrantedStorage(ResourceType):
    """The size of a project's disk in decimal gigabytes: ``gigabytes`` never falls below what the disk has.

    A volume can't be made smaller, and a user's files may fill it: who asks for less keeps the size, and a preview and
    an update say so. What was recorded is kept, unless ``claim`` never grew to it, as where its storage class can't
    grow; the cluster is asked that by ``kubeconfig`` and ``context``. It exists in the state alone.
    """

    token: ClassVar[str] = "codeopen:index:GrantedStorage"  # noqa: S105 - a type token, not a secret
    table: ClassVar[Mapping[str, Property]] = {
        "project": Property(Kind.STRING, required=True),
        "wanted": Property(Kind.INTEGER, change=Change.UPDATE, required=True),
        "claim": Property(Kind.STRING, compared=False, differs="namespace/name; never a change by itself"),
        "kubeconfig": Property(Kind.STRING, compared=False, differs="a path or the content; never a change by itself"),
        "context": Property(Kind.STRING, compared=False, differs="never a change by itself"),
    }
    computed: ClassVar[tuple[str, ...]] = ("gigabytes",)

    def __init__(self, warn_person: Callable[[str], None]) -> None:
        self._warn = warn_person

    def preview(self, inputs: Properties) -> Properties:
        return {**inputs, "gigabytes": int(inputs["wanted"])}

    def preview_update(self, inputs: Properties, outputs: Properties) -> Properties:
        try:
            return self._granted(inputs, outputs, Event())
        except PluginError:  # the update finds out
            return self._granted({**inputs, "claim": ""}, outputs, Event())

    def _granted(self, inputs: Properties, outputs: Properties, cancelled: Event) -> Properties:
        wanted, held = int(inputs["wanted"]), int(outputs["gigabytes"])
        if wanted < held and inputs.get("claim"):
            where = Choice(str(inputs.get("kubeconfig") or ""), str(inputs.get("context") or ""))
            held = claimed_gigabytes(str(inputs["claim"]), where, cancelled)
        granted = max(wanted, held)
        if granted > wanted:
            self._warn(
                f"project {inputs['project']}: its disk stays at {granted} GB, though {wanted} GB are "
                "asked for now: a volume never shrinks"
            )
        return {**inputs, "gigabytes": granted}

    def create(self, inputs: Properties, cancelled: Event) -> Stored:  # noqa: ARG002
        return Stored(str(inputs["project"]), self.preview(inputs))

    def read(self, identifier: str, inputs: Properties, outputs: Properties) -> Observed | None:
        """The state is the only place where it is. An import takes the size from the id, as ``demo:100``."""
        if outputs:
            return Observed(identifier, inputs, outputs)
        project, _, size = identifier.partition(":")
        if not size.isdigit():
            return None
        given: Properties = {"project": project, "wanted": int(size)}
        return Observed(project, given, self.preview(given))

    def update(self, change: InPlaceChange, outputs: Properties, cancelled: Event) -> Properties:
        return self._granted(change.new, outputs, cancelled)

    def delete(self, identifier: str, outputs: Properties) -> None:
        """Nothing exists outside the state."""
