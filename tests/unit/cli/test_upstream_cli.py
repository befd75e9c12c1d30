"""``codeopen upstream``: what it prints, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from codeopen.authoring.upstreams.renewal import Renewal, State
from codeopen.cli import upstream
from codeopen.cli.main import main

ROOT = Path(__file__).parents[3]


def test_the_list_says_where_everything_is_pinned(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["upstream", "list", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    node = next(pin for pin in told["pins"] if pin["name"] == "node")
    assert (node["kind"], node["constraint"], node["file"]) == ("image", "22.x", "catalog/upstreams.yaml")
    assert len([pin for pin in told["pins"] if pin["kind"] != "code"]) >= 76
    assert len(told["locks"]) >= 47
    assert main(["upstream", "list"]) == 0
    assert f"catalog/upstreams.yaml:{node['line']}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("states", "check", "code"),
    [
        ([State.CURRENT, State.BY_HAND], True, 0),
        ([State.CURRENT, State.MOVED], True, 3),
        ([State.FAILED, State.MOVED], True, 3),
        ([State.FAILED, State.CURRENT], True, 1),
        ([State.CURRENT, State.MOVED], False, 0),
        ([State.FAILED, State.MOVED], False, 1),
    ],
)
def test_the_exit_code_says_what_became_of_it(
    states: list[State],
    check: bool,  # noqa: FBT001
    code: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def renew(*_: object, write: bool) -> Iterator[Renewal]:
        assert write is not check
        for number, state in enumerate(states):
            reason = "no answer" if state is State.FAILED else ""
            after = "2" if state is State.MOVED else "1"
            yield Renewal(f"tool{number}", "npm", state, "1", after, ("a/lock",) if after == "2" else (), reason)

    monkeypatch.setattr(upstream, "renew", renew)
    monkeypatch.chdir(ROOT)
    assert main(["upstream", "update", *(["--check"] if check else [])]) == code
    told = capsys.readouterr()
    assert [line.split()[0] for line in told.err.splitlines()] == ["tool0", "tool1"]
    assert ("failed: no answer" in told.err) is (State.FAILED in states)
    assert ("1 → 2" in told.err) is (State.MOVED in states)
    assert ("a/lock" in told.out) is (State.MOVED in states)


def test_an_unknown_upstream_is_an_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["upstream", "update", "--check", "opencod"]) == 5
    assert "'opencod': neither an upstream nor a lock file's folder" in capsys.readouterr().err
