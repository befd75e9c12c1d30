"""The gateway in the built image, with the real OpenCode and a stand-in for its model: work outlives connections."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from codeopen.images.verify.container import Container
from tests.images.gateway_clients import PORTS, WORKSPACE, answers, give_it_a_model, serving, wait_for
from tests.images.trials import Trials

pytestmark = pytest.mark.heavy

GATEWAY = "^/usr/local/lib/codeopen/private/loader.*acp-gateway"
MEGABYTE = 1_000_000
SILENCE_SECONDS = 45


@dataclass
class Client:
    """A client outside of the container, told what to do step by step."""

    process: subprocess.Popen[str]
    container: Container

    def does(self, step: str) -> Any:
        """What came of a step."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{step}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.process.communicate(timeout=10)[1]
        told = json.loads(line)
        assert told["step"] == step.partition(" ")[0]
        return told["told"]

    def runs(self, command: str) -> bool:
        return self.container.run("pgrep", "--full", f"^{command}").code == 0

    def prompts(self, command: str) -> None:
        """Asks for a command that begins with one to be seen at work."""
        self.does(f"prompt {command}")
        wait_for(lambda: self.runs(command.partition(";")[0]), 30, "the command runs")


@pytest.fixture(scope="module")
def token() -> str:
    return secrets.token_hex(16)


@pytest.fixture
def container(trials: Trials, outside: str, token: str) -> Iterator[Container]:
    with serving(trials, token, part="base") as container:
        give_it_a_model(outside, container)
        wait_for(lambda: answers(container, "gateway", token), 60, "the gateway answers")
        yield container


@pytest.fixture
def client(container: Container, outside: str, token: str) -> Iterator[Client]:
    with connecting(container, outside, token) as client:
        yield client


@contextmanager
def connecting(container: Container, outside: str, token: str) -> Iterator[Client]:
    command = ["docker", "exec", "--interactive", "--env", "ACP_TOKEN", "--workdir", "/tmp/acp-gateway", outside]
    command += ["node", "build/tests/outside/bad-network.js", str(container.host_port(PORTS["gateway"])), WORKSPACE]
    process = subprocess.Popen(
        command,
        env={**os.environ, "ACP_TOKEN": token},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Client(process, container)
    finally:
        process.kill()
        process.communicate()


def engine(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True, timeout=120).stdout


def made(container: Container, name: str) -> str:
    return container.run("cat", f"{WORKSPACE}/{name}").output


@pytest.mark.parametrize("how", ["resume", "load"])
def test_a_command_of_20_seconds_survives_a_cut_connection(client: Client, how: str) -> None:
    client.prompts("sleep 20; echo done > made.txt")
    client.does("cut")
    time.sleep(1)
    client.does(how)
    assert client.runs("sleep 20"), "it goes on"
    assert client.does("told _codeopen/turn_ended")["result"]["stopReason"] == "end_turn"
    assert made(client.container, "made.txt") == "done\n"
    assert client.does("prompt echo again > again.txt")
    assert client.does("answered")["stopReason"] == "end_turn"
    assert made(client.container, "again.txt") == "again\n"


def test_a_command_survives_a_network_that_is_taken_away(client: Client, token: str) -> None:
    """No packet tells the gateway of it, as with a cable that is pulled."""
    client.prompts("sleep 20; echo done > made.txt")
    name = client.container.name
    engine("network", "disconnect", "bridge", name)
    client.does("cut")
    time.sleep(2)
    engine("network", "connect", "bridge", name)
    wait_for(lambda: answers(client.container, "gateway", token), 30, "the gateway answers")
    client.does(f"port {client.container.host_port(PORTS['gateway'])}")
    client.does("resume")
    assert client.does("told _codeopen/turn_ended")["result"]["stopReason"] == "end_turn"
    assert made(client.container, "made.txt") == "done\n"


def test_a_slow_client_is_not_cut(client: Client) -> None:
    """5 MB at 100 KB/s take longer than the silence that a client is cut for, and longer than a first message may."""
    told = client.does(f"upload {5 * MEGABYTE} {MEGABYTE // 10}")
    assert told["seconds"] > SILENCE_SECONDS
    assert told["code"] == -32601, "OpenCode read it"


def test_a_killed_gateway_is_started_again_and_says_what_was_lost(client: Client, token: str) -> None:
    client.prompts("sleep 86397")
    assert client.container.run("pkill", "-KILL", "--full", GATEWAY).code == 0
    assert client.does("closed") == 1006
    wait_for(lambda: answers(client.container, "gateway", token), 30, "supervisord starts it again")
    client.does("load")
    assert "the agent ended during the last turn" in client.does("told _codeopen/turn_lost")["reason"]
    wait_for(lambda: not client.runs("sleep 86397"), 10, "what the lost agent ran is ended")
    client.does("prompt echo again > again.txt")
    assert client.does("answered")["stopReason"] == "end_turn"


def test_two_clients_see_the_same_turn_and_one_permission_counts(client: Client) -> None:
    client.does("watch")
    told = client.does("both echo once >> both.txt")
    assert told["result"]["stopReason"] == "end_turn"
    assert made(client.container, "both.txt") == "once\n"
    assert told["late"] == 1, "one of them is told that the other one was first"
    one, other = ([text for text in turn if "user_message" not in text] for turn in told["turns"])
    assert any("All is done." in text for text in one)
    assert [text for text in other if "user_message" not in text] == [
        text for text in one if "user_message" not in text
    ]


def stopping(container: Container, seconds: int) -> tuple[threading.Thread, list[float]]:
    took: list[float] = []
    thread = threading.Thread(target=lambda: took.append(container.stop(seconds)))
    thread.start()
    return thread, took


def test_a_stop_lets_a_turn_end_and_its_client_know(client: Client) -> None:
    client.prompts("sleep 15; echo done > made.txt")
    thread, took = stopping(client.container, 40)
    assert client.does("told _codeopen/draining")["seconds"] == 30
    assert client.does("answered")["stopReason"] == "end_turn"
    assert client.does("closed") == 1001
    thread.join()
    assert took[0] < 25
    assert client.container.state()["ExitCode"] == 0
    engine("start", client.container.name)
    assert made(client.container, "made.txt") == "done\n"


def test_a_stop_without_a_turn_is_as_fast_as_without_the_gateway(client: Client) -> None:
    """A detached agent that does nothing holds nothing up either; the rule `stop` allows as much."""
    client.does("prompt echo done > made.txt")
    assert client.does("answered")["stopReason"] == "end_turn"
    client.does("cut")
    assert client.container.stop(40) < 5
    assert client.container.state()["ExitCode"] == 0
