from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeopen.platform.deploy.events import Event, EventLog

JS = "urn:pulumi:dev::codeopen::codeopen:build:PartImages$docker-build:index:Image::parts-js-amd64"
BASE = JS.replace("parts-js", "parts-base")


def metadata(urn: str, operation: str) -> dict[str, Any]:
    return {"op": operation, "urn": urn, "type": urn.rsplit("$", maxsplit=1)[-1].split("::", maxsplit=1)[0]}


def started(second: int, urn: str = JS, operation: str = "create") -> dict[str, Any]:
    return {"timestamp": second, "resourcePreEvent": {"metadata": metadata(urn, operation)}}


def done(second: int, urn: str = JS, operation: str = "create") -> dict[str, Any]:
    return {"timestamp": second, "resOutputsEvent": {"metadata": metadata(urn, operation)}}


def failed(second: int, urn: str = JS, operation: str = "create") -> dict[str, Any]:
    return {"timestamp": second, "resOpFailedEvent": {"metadata": metadata(urn, operation), "status": 0}}


def said(message: str, urn: str = JS, severity: str = "info") -> dict[str, Any]:
    return {"timestamp": 2, "diagnosticEvent": {"urn": urn, "message": message, "severity": severity}}


def read(file: Path, *entries: dict[str, Any]) -> EventLog:
    file.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    log = EventLog(file)
    log.read()
    return log


def test_a_log_that_is_not_there_yet_has_no_events(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events")
    assert log.read() == []
    (tmp_path / "events").write_text(json.dumps(done(3)) + "\n")
    assert len(log.read()) == 1
    assert log.read() == []
    assert len(log.events) == 1


ENTRIES = [started(1), said("zwölf\n", severity="error"), done(5), started(5, BASE, "same"), done(9, BASE, "same")]
CONTENT = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in ENTRIES).encode()


@given(cuts=st.lists(st.integers(0, len(CONTENT)), max_size=8).map(sorted))
def test_a_log_read_in_pieces_is_the_log_read_at_once(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    file = tmp_path_factory.mktemp("log") / "events"
    log = EventLog(file)
    found: list[Event] = []
    with file.open("wb") as writer:
        for start, end in zip([0, *cuts], [*cuts, len(CONTENT)], strict=True):
            writer.write(CONTENT[start:end])
            writer.flush()
            found += log.read()
    assert [(event.name, event.operation, event.seconds) for event in found] == [
        ("parts-js-amd64", "create", 4),
        ("parts-base-amd64", "same", 4),
    ]
    assert tuple(found) == log.events
    assert log.errors == ["zwölf"]


def test_an_event_says_what_it_is_about(tmp_path: Path) -> None:
    (event,) = read(tmp_path / "events", {"timestamp": 0, "preludeEvent": {}}, started(10), done(71)).events
    assert event == Event("create", "docker-build:index:Image", "parts-js-amd64", 61, built=False, failed=False)


def test_a_failed_resource_is_told(tmp_path: Path) -> None:
    (event,) = read(tmp_path / "events", started(1), failed(4)).events
    assert (event.failed, event.seconds) == (True, 3)


STEPS = "#1 [internal] load build definition\n", "#5 [packages 1/3] FROM x\n"


@pytest.mark.parametrize(
    ("lines", "built"),
    [
        ((), False),
        (STEPS, False),
        ((*STEPS, "#7 [packages 3/3] RUN apt\n"), True),
        ((*STEPS, "#7 [3/3] COPY a b\n", "#7 CACHED\n"), False),
        (("#7 [ 4/10] RUN x\n", "#8 [ 5/10] ADD y z\n", "#7 CACHED\n"), True),
        (("#7 [ 4/10] RUN x\n#7 CACHED\n#8 [ 5/10] ADD y z\n#8 CACHED\n",), False),
        (("#7 [ 4/10] RUN x\n#8 [ 5/10] ADD y z\n#8 CACHED\n",), True),
        (("\x1b[32m#7 [2/2] RUN x\x1b[0m\n",), True),
        (("#7 [2/2] WORKDIR /x\n",), False),
        (("echo '#7 [2/2] RUN x'\n",), False),
    ],
)
def test_an_image_is_built_when_a_step_was_not_cached(tmp_path: Path, lines: tuple[str, ...], *, built: bool) -> None:
    log = read(tmp_path / "events", started(1), *map(said, lines), done(3))
    assert log.events[0].built is built


def test_steps_of_images_that_are_built_side_by_side_are_kept_apart(tmp_path: Path) -> None:
    log = read(
        tmp_path / "events",
        *(said("#7 [2/2] RUN x\n", urn) for urn in (JS, BASE)),
        said("#7 CACHED\n", BASE),
        done(3, JS),
        done(3, BASE),
    )
    assert {event.name: event.built for event in log.events} == {"parts-js-amd64": True, "parts-base-amd64": False}


def test_only_errors_are_kept_and_without_markup(tmp_path: Path) -> None:
    log = read(
        tmp_path / "events",
        said("<{%fg 1%}>\x1b[1mno space\x1b[0m<{%reset%}>\n", severity="error"),
        said("careful", severity="warning"),
        {"timestamp": 1, "diagnosticEvent": {"message": "without a resource\n", "severity": "error"}},
    )
    assert log.errors == ["no space", "without a resource"]
    assert log.events == ()


def test_builds_are_told_once_when_they_begin_and_only_those_that_build(tmp_path: Path) -> None:
    other = {"op": "create", "urn": "urn:x::net", "type": "docker:index/network:Network"}
    entries = [started(1), started(1, BASE, "same"), {"timestamp": 1, "resourcePreEvent": {"metadata": other}}]
    log = read(tmp_path / "events", *entries)
    assert log.take_builds() == ["parts-js-amd64"]
    assert log.take_builds() == []
