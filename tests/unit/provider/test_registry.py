"""A registry that is just writing a tag answers 5xx for a moment: it is asked again, a bounded number of times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from provider import registry
from provider.protocol.errors import PluginError
from provider.registry import ATTEMPTS, Answer, Repository


def answer(status: int) -> Answer:
    return Answer(status=status, location="", digest="", media_type="application/json", content=b"{}")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The statuses that the registry will answer with, one after the other."""
    statuses: list[int] = []
    given: Iterator[int] = iter(lambda: statuses.pop(0), None)

    def request(*_: Any, **__: Any) -> Answer:
        return answer(next(given))

    monkeypatch.setattr(Repository, "_request", request)
    monkeypatch.setattr(registry, "RETRY_SECONDS", 0)
    return statuses


def test_a_moment_of_trouble_is_waited_out(answers: list[int]) -> None:
    answers += [500, 503, 200]
    manifest = Repository("localhost:5000/codeopen/js", insecure=True).manifest("0.0.2")
    assert manifest is not None
    assert manifest.content == b"{}"
    assert answers == []


def test_lasting_trouble_is_told_after_a_few_tries(answers: list[int]) -> None:
    answers += [500] * (ATTEMPTS + 3)
    with pytest.raises(PluginError, match="answered 500"):
        Repository("localhost:5000/codeopen/js", insecure=True).manifest("0.0.2")
    assert len(answers) == 3


def test_a_missing_manifest_is_believed_at_once(answers: list[int]) -> None:
    answers += [404, 500]
    assert Repository("localhost:5000/codeopen/js", insecure=True).manifest("0.0.2") is None
    assert answers == [500]
