"""Services without passwords, attacked from another container, as anybody on their network could."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from codeopen.images.verify.container import Container, Surroundings
from codeopen.images.verify.expectation import Expectation, expect_part
from codeopen.images.verify.outside import (
    CLOSED,
    OPEN,
    RULES,
    Unguarded,
    is_loopback,
    knock,
    listeners,
    started_beside_a_neighbour,
)
from codeopen.images.verify.results import Rule, apply_rule
from codeopen.model.catalog.model import Catalog
from codeopen.model.plan.parts import BASE
from codeopen.model.plan.plan import BuildPlan
from tests.images.trials import Trials
from tests.live import ROOT, free_port

CREDENTIALS = ("OPENCODE_SERVER", "ACP_GATEWAY", "KASMVNC", "CODE_SERVER")
EVERYWHERE = "0.0.0.0"  # noqa: S104
EMPTY = {f"{name}_PASSWORD": "" for name in CREDENTIALS}
BLANK = {f"{name}_PASSWORD": "\t       " for name in CREDENTIALS}
USERS_ALONE = {f"{name}_USERNAME": "anna" for name in CREDENTIALS}
MOVED = {"OPENCODE_PORT": "4999", "ACP_GATEWAY_PORT": "4998"}
PAGE = ROOT / "docs" / "how-to" / "run-an-image-with-docker.md"
# What an attacker does: a session, and a command in it; the login goes in by standard input.
ATTACK = r"""
login=$(cat)
ask() { printf '%s\n' "$login" | curl -s -m 20 -K - -H 'content-type: application/json' -X POST "$@"; }
url=http://$0/session
session=$(ask "$url" -d '{}' | jq -r .id)
ask "$url/$session/shell" -d '{"agent": "build", "command": "id --user --name"}' | jq -r '.parts[0].state.output'
"""


class Beside:
    """Starts an image beside a neighbour."""

    def __init__(self, image: str, expected: Expectation, surroundings: Surroundings) -> None:
        self.image, self.expected, self.surroundings = image, expected, surroundings

    def __call__(self, environment: Mapping[str, str]) -> AbstractContextManager[Unguarded]:
        given = replace(self.surroundings, environment=MappingProxyType(dict(environment)))
        return started_beside_a_neighbour(self.image, self.expected, given)


@pytest.fixture(scope="module")
def base_expected(catalog: Catalog, plan: BuildPlan) -> Expectation:
    return expect_part(catalog, plan, BASE, plan.platforms[0])


@pytest.fixture
def base(images: dict[str, str], base_expected: Expectation, surroundings: Surroundings) -> Beside:
    return Beside(images["base"], base_expected, surroundings)


def attack(unguarded: Unguarded, port: int, password: str = "") -> str:
    login = f'user = "opencode:{password}"' if password else ""
    address = f"{unguarded.services.container.name}:{port}"
    return unguarded.neighbour.run("bash", "-c", ATTACK, address, given=login).output.strip()


def open_ports(container: Container) -> set[int]:
    return {port for address, port in listeners(container) if not is_loopback(address)}


def wait_for(container: Container, *words: str) -> str:
    """Its log, once it says all of these. Fails when it doesn't within a minute."""
    deadline = time.monotonic() + 60
    while missing := [word for word in words if word not in container.logs()]:
        assert time.monotonic() < deadline, f"{missing} are not in:\n{container.logs()}"
        time.sleep(0.2)
    return container.logs()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("environment", [{}, EMPTY, BLANK | MOVED, USERS_ALONE], ids=["none", "empty", "blank", "user"])
def test_without_a_password_nothing_answers_from_outside(
    base: Beside, environment: dict[str, str], rule: Rule[Unguarded]
) -> None:
    with base(environment) as unguarded:
        container = unguarded.services.container
        result = apply_rule("services", rule, unguarded)
        assert result.passed, f"{result.detail}\n{container.logs()}"
        assert attack(unguarded, int(environment.get("OPENCODE_PORT", 4096))) == ""
        (line,) = [line for line in container.logs().splitlines() if "OPENCODE_SERVER_PASSWORD is not set or" in line]
        assert "127.0.0.1" in line


@pytest.mark.parametrize("host", ["::", "172.31.255.1"])
def test_another_address_is_refused_by_name(base: Beside, host: str) -> None:
    with base({"OPENCODE_HOST": host}) as unguarded:
        container = unguarded.services.container
        wait_for(container, f"OPENCODE_HOST is {host}", "OPENCODE_SERVER_PASSWORD", '"event":"listening"')
        assert open_ports(container) == set()
        assert container.run("codeopen-health").code == 1


def test_with_passwords_the_attack_is_turned_away_and_the_owner_let_in(base: Beside) -> None:
    password = secrets.token_hex(8)
    with base({"OPENCODE_SERVER_PASSWORD": password, "ACP_GATEWAY_PASSWORD": password}) as unguarded:
        container = unguarded.services.container
        deadline = time.monotonic() + 60
        while container.run("codeopen-health").code:
            assert time.monotonic() < deadline, container.logs()
        assert knock(unguarded.neighbour, container.name, [4096, 4097, 4095]) == {4096: OPEN, 4097: OPEN, 4095: CLOSED}
        assert attack(unguarded, 4096) == ""
        assert attack(unguarded, 4096, "wrong") == ""
        assert attack(unguarded, 4096, password) == "developer"


@pytest.fixture
def page(images: dict[str, str]) -> Iterator[str]:
    """The commands of the page with other names and ports, to be run in a folder of their own."""
    name = f"codeopen-test-{secrets.token_hex(4)}"
    text = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE))
    text = text.replace("shop", name).replace("localhost:5000/codeopen/codeopen-js:0.0.2", images["js"])
    for port in (4096, 4097):
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}")
    yield text
    subprocess.run(["docker", "rm", "--force", "--volumes", name], check=False, capture_output=True)
    subprocess.run(["docker", "volume", "rm", f"{name}-home"], check=False, capture_output=True)


def test_an_image_runs_with_docker_alone_as_the_page_says(page: str, catalog: Catalog, tmp_path: Path) -> None:
    ports = (*catalog.base.ports, *(port for addon in catalog.addons.values() for port in addon.extra_ports))
    assert [port.credential for port in ports if f"| {port.port} |" not in PAGE.read_text(encoding="utf-8")] == []
    assert [port.credential for port in ports if port.credential not in page] == []
    command = ["timeout", "180", "bash", "-euo", "pipefail", "-c", page]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"healthy":true' in done.stdout
    assert list(tmp_path.iterdir()) == []


OWN_CONFIGURATION = {
    "addon-gui": (".vnc/kasmvnc.yaml", f"network: {{interface: {EVERYWHERE}}}\n"),
    "addon-code-server": (".config/code-server/config.yaml", f"bind-addr: {EVERYWHERE}:9999\nhost: {EVERYWHERE}\n"),
}


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("part", "environment"),
    [
        ("addon-gui", EMPTY),
        ("addon-gui", BLANK),
        ("addon-gui", {"KASMVNC_PORT": "6999", "KASMVNC_USERNAME": "anna"}),
        ("addon-code-server", EMPTY | {"CODE_SERVER_HOST": EVERYWHERE}),
        ("addon-code-server", BLANK),
        # code-server's own variables, which must not open or move it.
        ("addon-code-server", {"PORT": "3000", "PASSWORD": "secret", "CODE_SERVER_PORT": "8999"}),
    ],
)
def test_an_add_on_is_closed_too_and_whatever_its_home_says(
    trials: Trials, part: str, environment: dict[str, str]
) -> None:
    start = Beside(trials.image(part).reference, trials.expected(part), trials.surroundings())
    with start(environment) as unguarded:
        container = unguarded.services.container
        (rule,) = RULES
        result = apply_rule("services", rule, unguarded)
        assert result.passed, f"{result.detail}\n{container.logs()}"
        file, text = OWN_CONFIGURATION[part]
        write = f"mkdir -p ~/{file.rpartition('/')[0]} && cat >~/{file}; "
        restart = "supervisorctl -c /etc/supervisor/supervisord.conf restart all"
        ran = container.run("bash", "-c", write + restart, given=text)
        assert ran.code == 0, ran.told
        result = apply_rule("services", rule, unguarded)
        assert result.passed, f"{result.detail}\n{container.logs()}"


@pytest.mark.heavy
def test_code_server_refuses_another_address_by_name(trials: Trials) -> None:
    part = "addon-code-server"
    start = Beside(trials.image(part).reference, trials.expected(part), trials.surroundings())
    with start({"CODE_SERVER_HOST": "::"}) as unguarded:
        container = unguarded.services.container
        wait_for(container, "CODE_SERVER_HOST is ::", '"event":"listening"')
        assert open_ports(container) == set()


@pytest.mark.heavy
@pytest.mark.parametrize("blank", [{}, {"CODE_SERVER_PASSWORD": "  ", "PASSWORD": " "}], ids=["none", "blank"])
def test_code_server_asks_for_the_password_that_it_makes_up(trials: Trials, blank: dict[str, str]) -> None:
    part = "addon-code-server"
    start = Beside(trials.image(part).reference, trials.expected(part), trials.surroundings())
    with start({"CODE_SERVER_AUTH": "password"} | blank) as unguarded:
        container, neighbour = unguarded.services.container, unguarded.neighbour
        wait_for(container, "HTTP server listening")
        assert open_ports(container) == {8080}
        page = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", f"http://{container.name}:8080/"]
        assert "302" in neighbour.run(*page).output
        enter = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://{container.name}:8080/login"]
        file = "/home/developer/.config/code-server/config.yaml"
        made_up = container.run("sed", "-n", "s/^password: //p", file).output.strip()
        told = {word: neighbour.run(*enter, "-d", f"password={word}").output for word in (" ", "+", "", "x", made_up)}
        assert told == {" ": "200", "+": "200", "": "200", "x": "200", made_up: "302"}, json.dumps(told)
