"""The images of parts, tested by looking into them and by running them.

A flavor inherits the base's tests, a combination those of all its parts. `make test` does so with js + databases;
`make images` with every part.
"""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from codeopen.images.verify.checks import check_command, check_port
from codeopen.images.verify.container import Container, Surroundings, started
from codeopen.images.verify.evidence import Evidence
from codeopen.images.verify.expectation import Expectation
from codeopen.images.verify.image import RULES, RUNNING_RULES
from codeopen.images.verify.results import Rule, apply_rule
from codeopen.images.verify.services import RULES as SERVICE_RULES
from codeopen.images.verify.services import Services
from codeopen.images.verify.suite import Image
from codeopen.model.catalog.model import Check, CommandCheck, PortCheck
from codeopen.model.catalog.read import read_catalog
from tests.images.conftest import SAMPLE
from tests.live import ROOT

CATALOG = read_catalog(ROOT / "catalog")
INHERITED = [
    *(("base", check) for check in CATALOG.base.checks),
    *((SAMPLE.flavor, check) for check in CATALOG.flavors[SAMPLE.flavor].checks),
    *((f"addon-{addon}", check) for addon in SAMPLE.addons for check in CATALOG.addons[addon].checks),
]


def in_force(expected: Expectation, part: str, check: Check) -> Check:
    """A check as it is with what stands in for upstreams in this stack."""
    found = {(owner, each.name): each for owner, each in expected.checks}
    if (part, check.name) not in found:
        pytest.skip(f"left out: {expected.left_out[check.name]}")
    return found[part, check.name]


def checks(kind: type[Check]) -> list[object]:
    return [
        pytest.param(part, check, id=f"{part}-{check.name}") for part, check in INHERITED if isinstance(check, kind)
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_what_holds_for_every_image(evidence: Evidence, rule: Rule[Evidence]) -> None:
    result = apply_rule("image", rule, evidence)
    assert result.passed, result.detail


@pytest.mark.parametrize("rule", RUNNING_RULES, ids=lambda rule: rule.name)
def test_what_holds_in_every_container(idle: Container, rule: Rule[Container]) -> None:
    result = apply_rule("image", rule, idle)
    assert result.passed, result.detail


@pytest.mark.parametrize(("part", "check"), checks(CommandCheck))
def test_every_program_of_the_catalog_says_its_version(
    idle: Container, expected: Expectation, part: str, check: Check
) -> None:
    wanted = in_force(expected, part, check)
    assert isinstance(wanted, CommandCheck)
    result = check_command(idle, part, wanted)
    assert result.passed, result.detail


@pytest.mark.parametrize("framework", ["react", "express"])
def test_a_new_project_builds_without_network(idle: Container, framework: str) -> None:
    """One that is built and one that is served; `make images` tries all of every flavor."""
    folder = f"/home/developer/workspace/{framework}"
    ran = idle.run("codeopen-new", framework, folder)
    assert ran.code == 0, ran.told
    manifest = json.loads(idle.run("cat", f"{folder}/package.json").output)
    if "build" in manifest["scripts"]:
        ran = idle.run("bash", "-c", f"cd {folder} && npm run build")
        assert ran.code == 0, ran.output + ran.errors
        return
    serve = f"cd {folder}; PORT=3123 node server.js >/dev/null 2>&1 & server=$!; "
    ask = "for attempt in $(seq 50); do curl -fs localhost:3123 && break; sleep 0.1; done; kill $server"
    assert idle.run("bash", "-c", serve + ask).output.lower() == f"hello from {framework}"


def test_a_mistyped_framework_is_refused_with_the_choice(idle: Container) -> None:
    ran = idle.run("codeopen-new", "reakt", "x")
    assert ran.code == 2
    assert "express, fastify, hono" in ran.errors


@pytest.mark.parametrize("rule", SERVICE_RULES[:1], ids=lambda rule: rule.name)
def test_all_services_start(services: Services, rule: Rule[Services]) -> None:
    result = apply_rule("services", rule, services)
    assert result.passed, f"{result.detail}\n{services.container.logs()}"


@pytest.mark.parametrize(("part", "check"), checks(PortCheck))
def test_every_port_of_the_catalog_answers(services: Services, expected: Expectation, part: str, check: Check) -> None:
    wanted = in_force(expected, part, check)
    assert isinstance(wanted, PortCheck)
    result = check_port(services.container, part, wanted, services.logins.get(wanted.credential))
    assert result.passed, result.detail


@pytest.mark.parametrize("rule", SERVICE_RULES[1:], ids=lambda rule: rule.name)
def test_what_holds_for_all_services(services: Services, rule: Rule[Services]) -> None:
    """In the rules' order: the last one stops the container."""
    result = apply_rule("services", rule, services)
    assert result.passed, f"{result.detail}\n{services.container.logs()}"


def test_the_health_probe_asks_moved_ports_and_fails_when_a_service_is_gone(
    image: Image, surroundings: Surroundings
) -> None:
    environment = {"OPENCODE_PORT": "4999", "ACP_GATEWAY_PORT": "4998"}
    moved = Surroundings(surroundings.labels, environment=environment)
    with started(image.base, moved) as container:
        deadline = time.monotonic() + 120
        while (ran := container.run("codeopen-health")).code:
            assert time.monotonic() < deadline, ran.errors
            time.sleep(0.2)
        stopped = container.run("supervisorctl", "-c", "/etc/supervisor/supervisord.conf", "stop", "opencode")
        assert stopped.code == 0, stopped.told
        ran = container.run("codeopen-health")
        assert ran.code == 1
        assert ran.errors == "opencode-server: port 4999 answered 000 instead of 200\n"


def test_containers_are_removed_whatever_happens(image: Image, surroundings: Surroundings) -> None:
    with pytest.raises(RuntimeError), started(image.base, surroundings, "sleep", "600") as container:
        raise RuntimeError
    listed = subprocess.run(
        ["docker", "ps", "--all", "--quiet", "--filter", f"name={container.name}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout == ""
