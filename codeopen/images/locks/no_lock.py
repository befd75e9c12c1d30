"""No locks: every caller builds. Correct, because what is built is named by its content, if wasteful."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from codeopen.images.locks.lock import Failure, Lease, Progress

_TOKENS = itertools.count(1)


class NoLocks:
    """Gives everybody a lease; nothing is shared or remembered, so nobody is followed and nothing backs off."""

    def try_acquire(self, key: str) -> Lease | None:
        """A lease, always."""
        del key
        return _FreeLease(next(_TOKENS))

    def follow(self, key: str, after: int) -> Sequence[Progress]:
        """Nothing."""
        del key, after
        return ()

    def failure(self, key: str) -> Failure | None:
        """``None``, always."""
        del key
        return None


class _FreeLease:
    def __init__(self, token: int) -> None:
        self._token = token

    @property
    def token(self) -> int:
        return self._token

    def record(self, event: Mapping[str, Any]) -> None:
        pass

    @contextmanager
    def guard(self) -> Iterator[None]:
        yield

    def succeed(self) -> None:
        pass

    def fail(self, message: str) -> None:
        pass
