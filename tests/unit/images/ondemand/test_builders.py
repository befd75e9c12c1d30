"""Builders: the commands for buildx, and a workflow against a stand-in of GitHub's API, which says that it is one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from codeopen.errors import BuildError
from codeopen.images.ondemand.builders.buildx import BuildxBuilder, RemoteBuilder
from codeopen.images.ondemand.builders.choice import choose_builder
from codeopen.images.ondemand.builders.job import BuildJob
from codeopen.images.ondemand.builders.workflow import WorkflowBuilder
from codeopen.images.registry.registry import Registry
from codeopen.model.plan.digest import plan_tag
from codeopen.model.plan.exporting import image_export

PLAN = f"sha256:{'a' * 64}"
JOB = BuildJob(
    name="addon-gui",
    repository="localhost:5000/codeopen/codeopen-addon-gui",
    plan_digest=PLAN,
    platform="linux/amd64",
    context=".codeopen/contexts/addon-gui",
    named_contexts={"base": "docker-image://localhost:5000/codeopen/codeopen-base@sha256:b"},
    build_arguments={"CODEOPEN_PART": "addon-gui"},
    labels={"dev.codeopen.plan-digest": PLAN},
)


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the program `docker`: it writes down its arguments, and does what `script` says."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{tmp_path}/called\n. {tmp_path}/script\n')
    program.chmod(0o755)
    (tmp_path / "script").write_text("")
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return tmp_path


def test_buildx_is_called_with_everything_of_the_job(docker: Path) -> None:
    (docker / "script").write_text(
        'for word; do case $last in --metadata-file) printf \'{"containerimage.digest":"sha256:c"}\' >"$word";; esac; '
        "last=$word; done; echo '#1 one' >&2; echo '#2 two' >&2\n"
    )
    lines: list[str] = []
    assert BuildxBuilder("mine", docker).build(JOB, lines.append) == "sha256:c"
    assert lines == ["#1 one", "#2 two"]
    called = (docker / "called").read_text().splitlines()
    assert called[:4] == ["buildx", "build", "--builder", "mine"]
    assert called[-1] == JOB.context
    text = " ".join(called)
    assert "--build-context base=docker-image://localhost:5000/codeopen/codeopen-base@sha256:b" in text
    assert "--build-arg CODEOPEN_PART=addon-gui" in text
    assert f"--label dev.codeopen.plan-digest={PLAN}" in text
    assert image_export(JOB.repository) in text
    assert "--no-cache" not in text


def test_a_build_without_cache_is_asked_for(docker: Path) -> None:
    with pytest.raises(BuildError, match="did not say which image it pushed"):
        BuildxBuilder("mine", docker, cached=False).build(JOB, lambda _: None)
    assert "--no-cache" in (docker / "called").read_text().splitlines()


def test_a_failed_build_tells_the_last_lines_of_its_log(docker: Path) -> None:
    (docker / "script").write_text("seq 1 100 >&2; exit 7\n")
    with pytest.raises(BuildError) as raised:
        BuildxBuilder("mine", docker).build(JOB, lambda _: None)
    first, *rest = str(raised.value).splitlines()
    assert first == "addon-gui: the build by builder mine failed (exit code 7):"
    assert rest == [str(number) for number in range(61, 101)]


def test_a_build_that_takes_too_long_is_ended(docker: Path) -> None:
    (docker / "script").write_text("exec sleep 60\n")
    with pytest.raises(BuildError, match="took longer than 1 s"):
        BuildxBuilder("mine", docker, seconds=1).build(JOB, lambda _: None)


def test_docker_that_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match=r"docker can't be started.*make setup"):
        BuildxBuilder("mine", tmp_path).build(JOB, lambda _: None)


@pytest.mark.parametrize(
    ("endpoint", "options", "command"),
    [
        (
            "tcp://build.example.org:1234",
            {"cacert": "ca.pem", "cert": "cert.pem", "key": "key.pem"},
            (
                "--driver remote --driver-opt cacert=ca.pem --driver-opt cert=cert.pem --driver-opt key=key.pem "
                "tcp://build.example.org:1234"
            ),
        ),
        (
            "kubernetes://",
            {"namespace": "build", "rootless": "true"},
            "--driver kubernetes --driver-opt namespace=build --driver-opt rootless=true",
        ),
    ],
)
def test_a_remote_builder_is_made_known_to_buildx(endpoint: str, options: dict[str, str], command: str) -> None:
    words = " ".join(RemoteBuilder("codeopen-1", endpoint, options).create_command())
    assert words == f"docker buildx create --name codeopen-1 {command}"


def test_an_endpoint_names_its_builder_and_is_made_once(docker: Path) -> None:
    (docker / "script").write_text('case "$*" in *inspect*) exit 1;; esac\n')
    builder = choose_builder("tcp://build.example.org:1234?cacert=ca.pem", docker, Registry("localhost:1"))
    assert isinstance(builder, BuildxBuilder)
    assert builder.name.startswith("codeopen-")
    assert "cacert=ca.pem" in (docker / "called").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ssh://host", "write tcp://host:port, unix://socket or kubernetes://"),
        ("workflow:nothing", "write workflow:owner/repository/file.yml@branch"),
        ("workflow:acme/images/build.yml@main", "set CODEOPEN_WORKFLOW_TOKEN"),
    ],
)
def test_a_builder_that_can_t_be_had_is_told(
    docker: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.delenv("CODEOPEN_WORKFLOW_TOKEN", raising=False)
    (docker / "script").write_text('case "$*" in *inspect*) exit 1;; esac\n')
    with pytest.raises(BuildError, match=message):
        choose_builder(text, docker, Registry("localhost:1"))


@dataclass
class GitHubStandIn:
    """A stand-in of the two requests of GitHub's REST API that are used; the real one can't be reached here."""

    status: int = 204
    conclusions: list[str | None] = field(default_factory=lambda: [None, "success"])
    dispatched: list[dict[str, Any]] = field(default_factory=list)
    authorizations: set[str] = field(default_factory=set)

    def runs(self) -> dict[str, Any]:
        conclusion = self.conclusions.pop(0) if len(self.conclusions) > 1 else self.conclusions[0]
        title = f"build {self.dispatched[-1]['inputs']['run']}"
        state = "completed" if conclusion else "in_progress"
        run = {"display_title": title, "status": state, "conclusion": conclusion, "html_url": "https://x/runs/1"}
        return {"workflow_runs": [{"display_title": "another's"}, run]}


@contextmanager
def serving(github: GitHubStandIn) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/repos/acme/images/actions/workflows/build.yml/dispatches"
            github.authorizations.add(self.headers["Authorization"])
            github.dispatched.append(json.loads(body))
            self._answer(github.status, {"message": "No ref found"} if github.status >= 400 else None)

        def do_GET(self) -> None:
            assert self.path.startswith("/repos/acme/images/actions/workflows/build.yml/runs?")
            self._answer(200, github.runs())

        def _answer(self, status: int, value: dict[str, Any] | None) -> None:
            content = json.dumps(value).encode() if value else b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class LateRegistry(Registry):
    """Has the image of the plan when it is asked for the n-th time."""

    def __init__(self, after: int) -> None:
        super().__init__("localhost:1")
        self.asked = 0
        self.after = after

    def find_manifest(self, repository: str, reference: str) -> str | None:
        assert (repository, reference) == ("codeopen/codeopen-addon-gui", plan_tag(PLAN))
        self.asked += 1
        return "sha256:made" if self.asked > self.after else None


def builder(address: str, registry: Registry) -> WorkflowBuilder:
    return WorkflowBuilder(address, "acme/images", "build.yml", "main", "t0ken", registry, seconds=5, poll_seconds=0.01)


def test_a_workflow_is_started_and_its_image_awaited() -> None:
    github, registry, lines = GitHubStandIn(), LateRegistry(3), list[str]()
    with serving(github) as address:
        assert builder(address, registry).build(JOB, lines.append) == "sha256:made"
    (dispatched,) = github.dispatched
    assert dispatched["ref"] == "main"
    assert {**dispatched["inputs"], "run": ""} == {
        "part": "addon-gui",
        "platform": "linux/amd64",
        "plan-digest": PLAN,
        "run": "",
    }
    assert github.authorizations == {"Bearer t0ken"}
    assert lines[1:] == ["workflow run https://x/runs/1: in_progress", "workflow run https://x/runs/1: completed"]


def test_a_workflow_that_fails_or_can_t_be_started_is_told_without_the_token() -> None:
    for github, message in (
        (GitHubStandIn(conclusions=["failure"]), "run https://x/runs/1 ended with failure"),
        (GitHubStandIn(status=422), "it can't be started: 422 No ref found"),
    ):
        with serving(github) as address, pytest.raises(BuildError, match=message) as raised:
            builder(address, LateRegistry(1000)).build(JOB, lambda _: None)
        assert "t0ken" not in str(raised.value)


def test_a_workflow_without_an_image_ends_in_time() -> None:
    github = GitHubStandIn(conclusions=[None])
    with serving(github) as address, pytest.raises(BuildError, match=r"no image of plan sha256:aaa.* after 0 s"):
        replace(builder(address, LateRegistry(10**6)), seconds=0.2).build(JOB, lambda _: None)
    assert "t0ken" not in repr(builder("x", LateRegistry(0)))
