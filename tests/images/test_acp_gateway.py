"""The ACP gateway: its own tests in the image that it runs in, and the default flavor's image, used from outside."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

import pytest

from codeopen.images.verify.container import Container, Surroundings, started
from tests.images.gateway_clients import (
    PORTS,
    WORKSPACE,
    agents,
    answers,
    developing,
    give_it_a_model,
    run,
    serving,
    wait_for,
)
from tests.images.trials import Trials
from tests.live import LiveStack

STARTS = 3
# The load of the gateway's README, but shorter; and below how much idle time the machine's other work is measured.
LOAD = "--connections 100 --rounds 3 --seconds 6 --opencode 2"
QUIET_PERCENT = 80
TARGET_MS = 5


@pytest.fixture(scope="module")
def container(live: LiveStack) -> Iterator[str]:
    """A container of the base with the gateway's source and its development packages."""
    with developing(live.outputs()["images"]["base"]["reference"], live.name) as name:
        yield name


def test_its_linter_has_nothing_to_say(container: str) -> None:
    run(container, "npm run lint")


def test_its_units_pass(container: str) -> None:
    run(container, "npm run --silent build:tests && node --test build/tests/unit/*.test.js")


@pytest.mark.heavy
def test_its_tests_pass_with_stand_ins_and_with_the_real_opencode(container: str) -> None:
    """They hold to times, and each agent takes seconds to start: a machine with other work defeats them.

    The last of them hold a whole prompt with a permission request, and go on with it in a new connection.
    """
    said = run(container, "OPENCODE_BIN=/usr/local/bin/opencode npm test")
    assert "a prompt goes through a permission request to its end" in said
    for told in (
        "survives a cut connection",
        "two clients see the same turn",
        "is killed during a turn",
        "a stop lets",
    ):
        assert told in said
    assert "fail 0" in said


@pytest.mark.heavy
def test_a_load_leaves_nothing_and_waits_little(container: str, record_property: Callable[[str, object], None]) -> None:
    load = f"OPENCODE_BIN=/usr/local/bin/opencode npm run load -- {LOAD} --json /tmp/load.json"
    # It fails for what it adds on a busy machine too, and is believed when it has come to its report.
    run(container, f"{load} >/tmp/load.log 2>&1 || [ -s /tmp/load.json ] || {{ cat /tmp/load.log; exit 1; }}")
    report: dict[str, Any] = json.loads(run(container, "cat /tmp/load.json"))
    idle = [each["processor"]["machine_idle_percent"] for each in report["rounds"]]
    record_property("added p99 (ms)", report["added"]["p99"])
    record_property("idle (%)", idle)
    assert len(idle) == 3
    assert report["opencode"]["connections"] == 2
    assert report["leaks"] == []
    if min(idle) >= QUIET_PERCENT:
        assert report["added"]["p99"] < TARGET_MS, idle


def test_a_load_of_one_round_is_refused(container: str) -> None:
    """One round shows no leak, since memory is compared from round to round."""
    said = run(container, "! npm run --silent load -- --rounds 1 2>&1")
    assert "--rounds 1: give 2 or more" in said


def test_as_many_connections_are_let_in_as_fit_the_container_s_memory(live: LiveStack) -> None:
    """Two of 750 MB beside 512 MB for the rest, of 2 GiB: the limit is the container's and not the machine's."""
    image = live.outputs()["images"]["base"]["reference"]
    command = ["docker", "run", "--detach", "--cap-drop", "ALL", "--label", f"codeopen.test={live.name}"]
    command += ["--memory", "2g", image]
    container = Container(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    try:
        wait_for(lambda: '"event":"listening"' in container.logs(), 60, "the gateway listens")
        (line,) = [line for line in container.logs().splitlines() if '"event":"listening"' in line]
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", container.name], check=True, capture_output=True)
    told = json.loads(line)
    assert (told["connections_limit"], told["memory_mb"]) == (2, 2147)


def test_a_hash_made_in_the_image_stands_for_the_password_and_not_beside_it(live: LiveStack) -> None:
    image = live.outputs()["images"]["base"]["reference"]
    command = ["docker", "run", "--rm", "--interactive", "--label", f"codeopen.test={live.name}"]

    def run_once(*more: str, given: str = "") -> subprocess.CompletedProcess[str]:
        words = [*command, *more]
        return subprocess.run(words, input=given, capture_output=True, text=True, timeout=60, check=False)

    made = run_once(image, "codeopen-hash-password", given="s3cret\n").stdout.strip()
    assert re.fullmatch(r"\$scrypt\$ln=14,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}", made)
    assert run_once(image, "codeopen-hash-password").returncode == 2
    hashed = ("--env", f"ACP_GATEWAY_PASSWORD_HASH={made}")
    said = run_once(*hashed, "--env", "ACP_GATEWAY_PASSWORD=s3cret", image, "env")
    assert (said.returncode, said.stdout) == (1, "")
    assert "both set; set one of the two" in said.stderr
    seen = run_once("--env", "ACP_GATEWAY_PASSWORD=s3cret", image, "env").stdout
    assert "s3cret" not in seen
    assert "ACP_GATEWAY_PASSWORD_HASH=$scrypt$" in seen


def test_nobody_in_the_container_can_open_the_gateway_s_debugger(live: LiveStack) -> None:
    """It would hand out the passwords that clients send; SIGUSR1 opens Node's."""
    image = live.outputs()["images"]["base"]["reference"]
    surroundings = Surroundings({"codeopen.test": live.name}, environment={"ACP_GATEWAY_PASSWORD": "s3cret"})
    with started(image, surroundings) as container:
        wait_for(lambda: '"event":"listening"' in container.logs(), 60, "the gateway listens")
        program = "pgrep --full ^/usr/local/lib/codeopen/private/loader"
        ran = container.run("bash", "-c", f"kill -USR1 $({program}); sleep 2; {program}; ! curl -s localhost:9229/json")
        assert ran.code == 0, ran.output
        assert "Debugger" not in container.logs()


# It takes a program's place, since PATH begins with a folder of the agent's: keeps what it gets, and does the same.
PLANTED = """#!/bin/sh
/usr/bin/env >>/tmp/loot
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
/usr/bin/tee --append /tmp/loot | exec "${0##*/}" "$@"
"""
SHADOWED = "codeopen-health codeopen-hash-password node bash curl"


@pytest.mark.heavy
@pytest.mark.parametrize("lives", ["through a health check", "through a restart"])
def test_an_agent_s_own_programs_don_t_get_the_gateway_s_password(trials: Trials, lives: str) -> None:
    token = secrets.token_hex(16)
    surroundings = replace(trials.surroundings(), environment=MappingProxyType({"ACP_GATEWAY_PASSWORD": token}))
    with started(trials.image("base").reference, surroundings) as container:
        wait_for(lambda: '"event":"listening"' in container.logs(), 60, "the gateway listens")
        plant = f'cd /home/developer/.local/bin; for name in {SHADOWED}; do cat >$name <<<"$1"; chmod +x $name; done'
        # Like an agent, without the container's variables.
        agent = ("/usr/bin/env", "--ignore-environment", "PATH=/usr/local/bin:/usr/bin:/bin", "/bin/bash", "-c")
        assert container.run(*agent, plant, "-", PLANTED).code == 0
        if lives == "through a restart":
            subprocess.run(["docker", "restart", container.name], check=True, capture_output=True)
        # One that runs may have begun before.
        for _ in range(2):
            before = health_checks(container)
            wait_for(lambda before=before: health_checks(container) != before, 60, "its health is checked")  # type: ignore[misc]
        time.sleep(1)
        loot = container.run(*agent, "/bin/cat /tmp/loot").output
        assert loot, "what was planted runs"
        assert token not in loot


def health_checks(container: Container) -> list[Any]:
    found: list[Any] = container.state()["Health"]["Log"] or []
    return found


@pytest.mark.heavy
def test_a_client_outside_prompts_the_default_flavor_s_agent(trials: Trials, outside: str) -> None:
    """By the official SDK, through the published port, with a permission request; and nothing is left of it."""
    token = secrets.token_hex(16)
    with serving(trials, token) as container:
        give_it_a_model(outside, container)
        wait_for(lambda: answers(container, "gateway", token), 60, "the gateway answers")
        address = f"ws://127.0.0.1:{container.host_port(PORTS['gateway'])}/acp"
        client = ["docker", "exec", "--interactive", "--env", "ACP_TOKEN", "--workdir", "/tmp/acp-gateway", outside]
        client += ["node", "build/tests/outside/client.js", address, WORKSPACE, "echo from outside > made.txt"]
        with subprocess.Popen(
            client,
            env={**os.environ, "ACP_TOKEN": token},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            told = process.stdout.readline()
            running = agents(container)
            _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        answer: dict[str, Any] = json.loads(told)
        assert (answer["protocolVersion"], answer["stopReason"]) == (1, "end_turn")
        assert answer["spoken"] == "All is done."
        assert len(answer["permissions"]) == 1
        assert container.run("cat", f"{WORKSPACE}/made.txt").output == "from outside\n"
        assert len(running) == 1, running
        wait_for(lambda: agents(container) == [], 10, "no agent is left")


@pytest.mark.heavy
def test_a_client_outside_needs_the_token(trials: Trials, outside: str) -> None:
    with serving(trials, secrets.token_hex(16)) as container:
        wait_for(lambda: answers(container, "gateway", ""), 60, "the gateway answers")
        address = f"ws://127.0.0.1:{container.host_port(PORTS['gateway'])}/acp"
        words = ["docker", "exec", "--env", "ACP_TOKEN=wrong", "--workdir", "/tmp/acp-gateway", outside]
        words += ["node", "build/tests/outside/client.js", address, WORKSPACE, "true"]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0
        assert done.stdout == ""
        assert agents(container) == []


def seconds_until(trials: Trials, services: tuple[str, ...], *command: str) -> dict[str, float]:
    """The seconds from a container's start until each service answers through its published port."""
    token = secrets.token_hex(16)
    found: dict[str, float] = {}

    def all_answer() -> bool:
        for service in services:
            if service not in found and answers(container, service, token):
                found[service] = time.time() - start
        return len(found) == len(services)

    with serving(trials, token, *command) as container:
        start = datetime.fromisoformat(container.state()["StartedAt"]).timestamp()
        wait_for(all_answer, 120, f"{services} answer")
    return found


@pytest.mark.heavy
def test_the_gateway_is_ready_within_a_second_and_opencode_not_a_second_later_than_alone(
    trials: Trials, record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The best of some starts, because other work delays any; all are printed, beside those of a bare server."""
    bare = ("opencode", "serve", "--port", str(PORTS["opencode"]), "--hostname", "0.0.0.0")  # noqa: S104
    image: list[dict[str, float]] = []
    alone: list[dict[str, float]] = []
    for _ in range(STARTS):
        image.append(seconds_until(trials, ("gateway", "opencode")))
        alone.append(seconds_until(trials, ("opencode",), *bare))
    rows = {
        "gateway in the image": [each["gateway"] for each in image],
        "opencode in the image": [each["opencode"] for each in image],
        "opencode serve alone": [each["opencode"] for each in alone],
    }
    with capsys.disabled():
        print("\nseconds from the container's start until the first answer:")  # noqa: T201
        for name, values in rows.items():
            print(f"  {name:22} {' '.join(f'{value:.2f}' for value in values)}")  # noqa: T201
            record_property(name, min(values))
    assert min(rows["gateway in the image"]) < 1
    added = min(rows["opencode in the image"]) - min(rows["opencode serve alone"])
    assert added < 1, "what the image starts beside OpenCode holds it up"
