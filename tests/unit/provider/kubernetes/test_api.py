"""Requests, retries and logins, against a scripted stand-in for the API server."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from threading import Event

import pytest

from provider.kubernetes.api import Api, ApiError, KindMissingError, Request, Task
from provider.kubernetes.kubeconfig import Choice, choose
from provider.kubernetes.login import Login, run_plugin
from provider.protocol.errors import PluginError
from tests.unit.provider.kubernetes.scripted_api import Answer, ScriptedApi, failure

ASK = Request("GET", "/api/v1/namespaces/a")
FOUND = Answer(200, {"kind": "Namespace"})


def connected(server: ScriptedApi, **user: object) -> Api:
    api = Api()
    api.configure(Choice(server.kubeconfig(**user)))
    return api


def task(seconds: float = 5.0) -> Task:
    return Task("create Namespace a", Event(), time.monotonic() + seconds)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 0])
def test_a_server_that_is_busy_or_starting_is_asked_again(server: ScriptedApi, status: int) -> None:
    server.script = [Answer(status), Answer(status), FOUND]
    assert connected(server).send(task(), ASK) == FOUND.body
    assert len(server.asked) == 3


def test_a_server_says_how_long_to_wait(server: ScriptedApi) -> None:
    server.script = [failure(429, "TooManyRequests", Retry_After="1"), FOUND]
    began = time.monotonic()
    connected(server).send(task(), ASK)
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize(("status", "advice"), [(403, "allow it"), (422, "replace_on_changes"), (400, "change the")])
def test_a_refusal_is_final_and_says_what_to_do(server: ScriptedApi, status: int, advice: str) -> None:
    server.script = [failure(status, "Reason", "spec.portz is wrong")]
    with pytest.raises(
        ApiError, match=f"can't create Namespace a: .*{status} spec.portz is wrong; .*{advice}"
    ) as caught:
        connected(server).send(task(), ASK)
    assert (caught.value.status, caught.value.reason, len(server.asked)) == (status, "Reason", 1)


def test_an_end_comes_to_the_retries(server: ScriptedApi) -> None:
    server.script = [failure(503, "ServiceUnavailable", "starting")] * 100
    with pytest.raises(ApiError, match="503 starting, and it did not get better in time"):
        connected(server).send(task(seconds=0.05), ASK)


def test_nobody_there_is_said_with_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    api = connected(ScriptedApi(url=address))
    with pytest.raises(ApiError, match=f"no API server answers at {address}.*refused"):
        api.send(task(seconds=0.05), ASK)


def test_a_cancelled_run_does_not_wait(server: ScriptedApi) -> None:
    server.script = [failure(503, "ServiceUnavailable")]
    cancelled = Event()
    cancelled.set()
    with pytest.raises(PluginError, match="cancelled"):
        connected(server).send(Task("create Namespace a", cancelled), ASK)


def test_a_refused_token_is_asked_for_once_more(server: ScriptedApi, tmp_path: Path) -> None:
    """A credential plugin whose first token is too old by then."""
    plugin = tmp_path / "login"
    plugin.write_text(
        f"#!/bin/sh\necho x >>{tmp_path}/runs\nn=$(wc -l <{tmp_path}/runs)\n"
        'echo "{\\"status\\": {\\"token\\": \\"token-$n\\"}}"\n'
    )
    plugin.chmod(0o755)
    server.script = [failure(401, "Unauthorized"), FOUND, failure(401, "Unauthorized"), failure(401, "Unauthorized")]
    api = connected(server, exec={"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin)})
    api.send(task(), ASK)
    assert [each.headers["Authorization"] for each in server.asked] == ["Bearer token-1", "Bearer token-2"]
    with pytest.raises(ApiError, match="log in again"):
        api.send(task(), ASK)


def test_a_credential_plugin_that_fails_says_nothing_it_printed() -> None:
    description = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "sh",
        "args": ["-c", "echo hunter2; exit 1"],
        "installHint": "install it",
    }
    with pytest.raises(PluginError, match=r"credential plugin sh gave no credential.*install it") as caught:
        run_plugin(description)
    assert "hunter2" not in str(caught.value)


def test_kinds_are_asked_for_once_and_subresources_are_none(server: ScriptedApi) -> None:
    api = connected(server)
    assert api.place(task(), "v1", "Pod").path("a", "b") == "/api/v1/namespaces/a/pods/b"
    assert api.place(task(), "v1", "Namespace").path("", "b") == "/api/v1/namespaces/b"
    server.script = [failure(404, "NotFound")]
    with pytest.raises(KindMissingError, match=r"no kind Gate in example.com/v1"):
        api.place(task(), "example.com/v1", "Gate")


def test_files_of_a_kubeconfig_are_beside_it_and_the_first_of_several_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("from a file\n")
    one = json.loads(ScriptedApi(url="https://one").kubeconfig(tokenFile="token"))
    two = json.loads(ScriptedApi(url="https://two").kubeconfig(token="two"))
    two["current-context"] = "another"
    two["clusters"].append({"name": "other", "cluster": {"server": "https://other/"}})
    for name, config in (("one", one), ("two", two)):
        (tmp_path / name).write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/one:{tmp_path}/absent:{tmp_path}/two")
    monkeypatch.chdir("/")
    target = choose(Choice())
    assert (target.server, target.namespace) == ("https://one", "mine")
    assert Login(target).headers() == {"Authorization": "Bearer from a file"}
    other = choose(Choice(cluster="other", namespace="given"))
    assert (other.server, other.namespace) == ("https://other", "given")


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        (Choice("/nowhere/config"), "no kubeconfig at /nowhere/config: set kubernetes:kubeconfig"),
        (Choice("a\nhunter2: [\n"), "kubernetes:kubeconfig is not a kubeconfig"),
        (Choice(ScriptedApi("http://x").kubeconfig(), context="else"), r"no context 'else' \(it has: test\)"),
        (Choice(ScriptedApi("http://x").kubeconfig(username="a")), "user has username, which the fallback"),
    ],
)
def test_a_kubeconfig_that_cant_be_used_says_why(choice: Choice, text: str) -> None:
    with pytest.raises(PluginError, match=text) as caught:
        choose(choice)
    assert "hunter2" not in str(caught.value) + repr(choice)
