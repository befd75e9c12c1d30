"""The images of parts, tested by running them: a flavor runs the base's tests as well as its own."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator

import pytest

from codeopen.catalog.model import Catalog, CommandCheck
from codeopen.catalog.read import read_catalog
from tests.live import ROOT, LiveStack

CATALOG = read_catalog(ROOT / "catalog")
# One that is built and one that is served; `make images` tries the others too.
FRAMEWORKS = (
    "react",
    "express",
    *(pytest.param(name, marks=pytest.mark.heavy) for name in ("vue", "next", "fastify", "hono")),
)


def command_checks(catalog: Catalog, flavor: str, *addons: str) -> list[CommandCheck]:
    """Those of all parts of an image: what is built on a part runs the part's tests too."""
    checks = [*catalog.base.checks, *catalog.flavors[flavor].checks]
    checks += [check for addon in addons for check in catalog.addons[addon].checks]
    return [check for check in checks if isinstance(check, CommandCheck)]


@pytest.fixture(scope="session")
def image(live: LiveStack) -> str:
    """The combination of js and databases."""
    rows = json.loads(live.codeopen("status", "--format", "json").stdout)["images"]
    reference: str = next(row["reference"] for row in rows if row["part"] == "js-db")
    return reference


@pytest.fixture(scope="session")
def isolated(live: LiveStack, image: str) -> Iterator[str]:
    """A container of the combination with no network and no capability, as the tests' subject."""
    command = ["docker", "run", "--detach", "--rm", "--network", "none", "--cap-drop", "ALL"]
    command += ["--label", f"codeopen.test={live.name}", image, "sleep", "600"]
    container = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    yield container
    subprocess.run(["docker", "rm", "--force", container], capture_output=True, check=True)


def run_in(container: str, script: str, timeout: float = 120) -> str:
    command = ["docker", "exec", container, "bash", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("check", command_checks(CATALOG, "js", "databases"), ids=lambda check: check.name)
def test_every_program_of_the_catalog_says_its_version(isolated: str, check: CommandCheck) -> None:
    done = subprocess.run(["docker", "exec", isolated, *check.command], capture_output=True, text=True, check=True)
    assert re.search(check.output, done.stdout), done.stdout


def test_nothing_runs_as_root_and_no_program_can_become_root(isolated: str) -> None:
    assert run_in(isolated, "id -u; id -un").split() == ["1000", "developer"]
    assert "sudo" not in run_in(isolated, "ls /usr/bin")


def test_the_image_keeps_nothing_in_the_home(image: str) -> None:
    """A volume is mounted there: what an image had below it would be hidden, or frozen at its first version."""
    command = ["docker", "run", "--rm", "--entrypoint", "find", image, "/home/developer", "-mindepth", "1"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert found.split() == ["/home/developer/workspace"]


def test_no_cache_list_or_log_stays_in_a_layer(image: str) -> None:
    folders = ["/var/lib/apt/lists", "/var/cache/apt", "/var/log", "/tmp", "/root"]
    command = ["docker", "run", "--rm", "--user", "root", "--entrypoint", "find", image, *folders]
    found = subprocess.run([*command, "-type", "f", "-size", "+0"], capture_output=True, text=True, check=True).stdout
    assert set(found.split()) <= {"/root/.bashrc", "/root/.profile"}


def test_the_environment_is_the_specifications(isolated: str) -> None:
    environment = dict(line.split("=", 1) for line in run_in(isolated, "env").splitlines() if "=" in line)
    assert {name: environment.get(name) for name in CATALOG.base.env} == dict(CATALOG.base.env)


def test_the_package_database_is_whole(isolated: str) -> None:
    assert run_in(isolated, "dpkg --audit") == ""


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_new_project_of_each_framework_builds_without_network(isolated: str, framework: str) -> None:
    folder = f"/home/developer/workspace/{framework}"
    run_in(isolated, f"codeopen-new {framework} {folder}")
    manifest = json.loads(run_in(isolated, f"cat {folder}/package.json"))
    if "build" in manifest["scripts"]:
        run_in(isolated, f"cd {folder} && npm run build")
        return
    page = run_in(
        isolated,
        f"cd {folder}; PORT=3123 node server.js >/dev/null 2>&1 & server=$!; "
        "for attempt in $(seq 50); do curl -fs localhost:3123 && break; sleep 0.1; done; kill $server",
    )
    assert page.lower() == f"hello from {framework}"


def test_a_mistyped_framework_is_refused_with_the_choice(isolated: str) -> None:
    command = ["docker", "exec", isolated, "codeopen-new", "reakt", "x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "react, vue, next, express, fastify, hono" in done.stderr


def start_services(live: LiveStack, *options: str) -> str:
    image = json.loads(live.codeopen("status", "--format", "json").stdout)["images"][0]["reference"]
    command = [
        "docker",
        "run",
        "--detach",
        "--cap-drop",
        "ALL",
        "--label",
        f"codeopen.test={live.name}",
        *options,
        image,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def wait_for_health(container: str) -> None:
    script = "for attempt in $(seq 100); do codeopen-health 2>/dev/null && exit 0; sleep 0.2; done; codeopen-health"
    run_in(container, script)


def test_services_come_back_and_stop_at_once(live: LiveStack) -> None:
    # Quotes and backslashes in a password must not break the probe.
    container = start_services(live, "--env", "OPENCODE_SERVER_PASSWORD=a\"b\\c'd e")
    try:
        wait_for_health(container)
        run_in(container, "pkill -KILL -f '^opencode serve' || pkill -KILL -x opencode")
        wait_for_health(container)
        log = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=True).stdout
        assert log.count('"event":"start"') == 2
        subprocess.run(["docker", "stop", "--time", "5", container], check=True, capture_output=True)
        state = subprocess.run(
            ["docker", "inspect", "--format", "{{.State.ExitCode}}", container],
            capture_output=True,
            text=True,
            check=True,
        )
        assert state.stdout.strip() == "0", "the container did not end by itself within 5 s"
    finally:
        subprocess.run(["docker", "rm", "--force", container], check=True, capture_output=True)


def test_the_health_probe_fails_when_a_service_is_gone(live: LiveStack) -> None:
    container = start_services(live, "--env", "OPENCODE_PORT=4999")
    try:
        command = ["docker", "exec", container, "codeopen-health"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "port 4096" in done.stderr
    finally:
        subprocess.run(["docker", "rm", "--force", container], check=True, capture_output=True)
