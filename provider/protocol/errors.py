"""What can go wrong in a plugin, as values that the provider turns into gRPC answers."""

from __future__ import annotations

from provider.protocol.values import Properties


class PluginError(Exception):
    """An operation failed and left nothing behind. Its text names the object, the cause and what to do."""


class InitialisationError(Exception):
    """An object exists but isn't usable: it stays in the state, marked, so that the next run completes it."""

    def __init__(self, reason: str, identifier: str, outputs: Properties) -> None:
        super().__init__(reason)
        self.reason = reason
        self.identifier = identifier
        self.outputs = outputs
