"""``codeopen:index:Credential``: a password made once, kept encrypted in the state, never printed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from threading import Event
from typing import ClassVar

from provider.protocol.errors import PluginError
from provider.protocol.properties import Kind, Property
from provider.protocol.resource import Change, Observed, ResourceType, Stored
from provider.protocol.values import UNKNOWN, Properties, Secret, Value

DEFAULT_BYTES = 24
MINIMUM_BYTES = 16
"""128 bits: below that a password could be guessed off-line."""

MAXIMUM_BYTES = 256


def _length(value: Value) -> Value:
    if not MINIMUM_BYTES <= int(value) <= MAXIMUM_BYTES:
        raise ValueError(f"must be between {MINIMUM_BYTES} and {MAXIMUM_BYTES} bytes")
    return value


class Credential(ResourceType):
    """A user name and a random password of ``length`` bytes, written in URL-safe Base64 (RFC 4648, section 5).

    ``password`` changes only when name, user name or length do. It exists nowhere but in the state, as a secret.
    """

    token: ClassVar[str] = "codeopen:index:Credential"  # noqa: S105 - a type token, not a secret
    table: ClassVar[Mapping[str, Property]] = {
        "name": Property(Kind.STRING, required=True),
        "username": Property(Kind.STRING, required=True),
        "length": Property(Kind.INTEGER, default=DEFAULT_BYTES, canonical=_length),
    }
    computed: ClassVar[tuple[str, ...]] = ("password",)

    def preview(self, inputs: Properties) -> Properties:
        return {**inputs, "password": Secret(UNKNOWN)}

    def preview_update(self, inputs: Properties, outputs: Properties) -> Properties:
        return {**inputs, "password": Secret(outputs["password"])}

    def create(self, inputs: Properties, cancelled: Event) -> Stored:  # noqa: ARG002
        password = secrets.token_urlsafe(inputs.get("length", DEFAULT_BYTES))
        return Stored(str(inputs["name"]), {**inputs, "password": Secret(password)})

    def read(self, identifier: str, inputs: Properties, outputs: Properties) -> Observed | None:
        """The state is the only place where the password is: there is nothing to compare with."""
        if "password" not in outputs:
            raise PluginError(f"the credential {identifier} can't be imported; let Pulumi create it")
        return Observed(identifier, inputs, {**outputs, "password": Secret(outputs["password"])})

    def update(self, change: Change, outputs: Properties, cancelled: Event) -> Properties:  # noqa: ARG002
        """Nothing changes in place, so this only carries the password over."""
        return self.preview_update(change.new, outputs)

    def delete(self, identifier: str, outputs: Properties) -> None:
        """Nothing exists outside the state."""
