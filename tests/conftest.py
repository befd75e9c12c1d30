"""Fixtures that several folders of tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live import LiveStack, prepare_stack


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """The main job, done once: a stack with one project. Tests that need it fail where the Engine is missing."""
    stack = prepare_stack(tmp_path_factory.mktemp("first") / "checkout", tmp_path_factory.mktemp("state"))
    stack.configure({"id": "demo", "tier": "starter", "flavor": "js", "addons": ["databases"]})
    try:
        stack.codeopen("up")
        yield stack
    finally:
        stack.remove()
