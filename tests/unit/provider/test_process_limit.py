"""ProcessLimit against a stand-in for the docker CLI; tests/engine/plugins takes it to the real Engine."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from provider import process_limit
from provider.process_limit import ProcessLimit
from provider.protocol.errors import PluginError
from provider.protocol.properties import Change, differences, validate
from provider.protocol.resource import Change as InPlaceChange
from provider.protocol.values import Properties

FAKE_DOCKER = """#!/bin/sh
echo "$@" >> {folder}/calls
[ ! -e {folder}/slow ] || exec sleep 5
[ ! -e {folder}/failure ] || {{ cat {folder}/failure >&2; exit 1; }}
case $1 in
  update) [ -e {folder}/unable ] || echo "${{2#--pids-limit=}}" > {folder}/limit ;;
  inspect) cat {folder}/limit ;;
esac
"""
INPUTS: Properties = {"container": "abc123", "limit": 64}


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which files say how docker behaves."""
    script = tmp_path / "docker"
    script.write_text(FAKE_DOCKER.format(folder=tmp_path))
    script.chmod(0o755)
    (tmp_path / "limit").write_text("null")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


def create() -> Properties:
    return ProcessLimit().create(INPUTS, Event()).outputs


def test_the_limit_is_set_and_looked_at(docker: Path) -> None:
    assert create() == INPUTS
    assert (docker / "calls").read_text().splitlines() == [
        "update --pids-limit=64 -- abc123",
        "inspect --type=container --format={{json .HostConfig.PidsLimit}} -- abc123",
    ]


def test_another_limit_is_set_in_place_and_another_container_is_another_resource(docker: Path) -> None:
    table = ProcessLimit.table
    assert [item.change for item in differences(table, INPUTS, {**INPUTS, "limit": 65})] == [Change.UPDATE]
    assert [item.change for item in differences(table, INPUTS, {**INPUTS, "container": "b"})] == [Change.REPLACE]
    change = InPlaceChange("abc123", INPUTS, {**INPUTS, "limit": 65})
    assert ProcessLimit().update(change, INPUTS, Event())["limit"] == 65
    assert (docker / "limit").read_text() == "65\n"


@pytest.mark.parametrize(("found", "limit"), [("65", 65), ("null", None), ("0", None), ("-1", None)])
def test_a_refresh_shows_what_is_set(docker: Path, found: str, limit: int | None) -> None:
    (docker / "limit").write_text(found)
    observed = ProcessLimit().read("abc123", INPUTS, INPUTS)
    assert observed is not None
    assert observed.inputs == observed.outputs == {"container": "abc123", "limit": limit}
    assert [item.change for item in differences(ProcessLimit.table, observed.inputs, INPUTS)] == [Change.UPDATE]


@pytest.mark.parametrize("text", ["Error response from daemon: No such container: abc123", "Error: No such object: a"])
def test_a_container_that_is_gone_reads_as_gone_and_cant_be_limited(docker: Path, text: str) -> None:
    (docker / "failure").write_text(text)
    assert ProcessLimit().read("abc123", INPUTS, INPUTS) is None
    with pytest.raises(PluginError, match=r"can't limit the container abc123 to 64 processes: .*No such .*refresh"):
        create()


def test_an_engine_that_is_down_isnt_a_container_that_is_gone(docker: Path) -> None:
    (docker / "failure").write_text("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?")
    with pytest.raises(PluginError, match=r"can't look up the process limit of .* Cannot connect to the Docker daemon"):
        ProcessLimit().read("abc123", INPUTS, INPUTS)


def test_a_limit_that_isnt_taken_is_an_error(docker: Path) -> None:
    (docker / "unable").touch()
    with pytest.raises(PluginError, match="the Engine didn't take it"):
        create()


def test_a_missing_or_hanging_cli_is_named(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (docker / "slow").touch()
    monkeypatch.setattr(process_limit, "ANSWER_SECONDS", 0.1)
    with pytest.raises(PluginError, match="doesn't answer within"):
        create()
    monkeypatch.setenv("PATH", str(docker / "nowhere"))
    with pytest.raises(PluginError, match="there is no docker on PATH; install Docker's command line"):
        create()


@pytest.mark.parametrize("change", [{"limit": 0}, {"limit": -1}, {"limit": 1.5}, {"container": "--all"}])
def test_what_is_no_limit_or_container_is_refused(change: Properties) -> None:
    assert [failure.path for failure in validate(ProcessLimit.table, {**INPUTS, **change}, "X")] == list(change)
