"""A stand-in for the engine's gRPC context."""

from __future__ import annotations

from typing import Any, NoReturn


class AbortedError(Exception):
    """What ``context.abort`` raises."""

    def __init__(self, code: Any, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class FakeContext:
    """A gRPC context that records what a method answers by."""

    def __init__(self) -> None:
        self.metadata: dict[str, bytes] = {}

    def abort(self, code: Any, text: str) -> NoReturn:
        raise AbortedError(code, text)

    def set_trailing_metadata(self, metadata: tuple[tuple[str, bytes], ...]) -> None:
        self.metadata |= dict(metadata)

    def add_callback(self, callback: Any) -> bool:
        return callable(callback)
