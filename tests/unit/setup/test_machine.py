from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import machine
from machine import Machine, look, own_pulumi
from paths import Paths
from tests.unit.stand_ins import StandIns


class Answer(http.server.BaseHTTPRequestHandler):
    """Answers with the status that the path names; 0 hangs up, 1 is no HTTP."""

    def do_HEAD(self) -> None:
        status = int(self.path.removeprefix("/"))
        if status == 1:
            self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        elif status:
            self.send_response(status)
            self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as found:
        threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()


@pytest.mark.parametrize(("status", "reached"), [(200, True), (403, False), (502, False), (0, False), (1, False)])
def test_a_refusal_is_no_release(
    server: str, stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch, status: int, *, reached: bool
) -> None:
    """A filtering proxy answers too, with an error."""
    stand_ins.put("docker", "exit 1")
    monkeypatch.setattr(machine, "RELEASES", f"{server}/{status}")
    assert look() == Machine(releases=reached, images=False)


def test_images_are_asked_for_by_the_engines_client(stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_ins.put("docker")
    monkeypatch.setattr(machine, "RELEASES", "http://127.0.0.1:1/")
    assert look() == Machine(releases=False, images=True)
    assert stand_ins.calls == ["docker manifest inspect docker.io/library/ubuntu:24.04"]


@pytest.mark.parametrize(
    ("kind", "text", "stack"),
    [
        (Machine(releases=True, images=True), "official tools and images, stack dev.", "dev"),
        (Machine(releases=False, images=False), "does not reach Pulumi's releases and Docker Hub", "offline"),
        (Machine(releases=True, images=False), "does not reach Docker Hub: official tools, stack offline.", "offline"),
        (Machine(releases=False, images=True), "does not reach Pulumi's releases: tools compiled", "dev"),
    ],
)
def test_one_line_says_what_was_chosen(kind: Machine, text: str, stack: str) -> None:
    assert text in str(kind)
    assert f"stack {stack}." in str(kind)
    assert kind.stack == stack


@pytest.mark.parametrize(
    ("version", "taken"),
    [
        ("v3.259.0", True),
        ("v3.200.0-alpha.1", True),
        ("v4.0.0", True),
        ("v3.199.9", False),
        ("v2.300.0", False),
        ("?", False),
    ],
)
def test_a_pulumi_of_the_machine_is_taken_when_new_enough(
    stand_ins: StandIns, tmp_path: Path, version: str, *, taken: bool
) -> None:
    program = stand_ins.put("pulumi", f"echo '{version}'")
    assert own_pulumi(Paths(tmp_path, tmp_path)) == (str(program) if taken else None)


def test_a_link_into_the_cache_is_not_the_machines_own(stand_ins: StandIns, tmp_path: Path) -> None:
    paths = Paths(tmp_path / "checkout", tmp_path / "home")
    compiled = paths.tools / "pulumi-1" / "pulumi"
    compiled.parent.mkdir(parents=True)
    stand_ins.put("pulumi", "echo v3.259.0").rename(compiled)
    (stand_ins.folder / "pulumi").symlink_to(compiled)  # as another checkout's .codeopen/bin
    assert own_pulumi(paths) is None
