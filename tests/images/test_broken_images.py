"""Every rule fails on an image that breaks it: two images, built on a good base, that break all of them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from codeopen.images.verify.container import Container, Surroundings, started
from codeopen.images.verify.evidence import Evidence, look_into
from codeopen.images.verify.expectation import Expectation, expect_part
from codeopen.images.verify.image import RULES, RUNNING_RULES
from codeopen.images.verify.layers import LayerReader
from codeopen.images.verify.outside import RULES as OUTSIDE_RULES
from codeopen.images.verify.outside import Unguarded, started_beside_a_neighbour
from codeopen.images.verify.results import Rule, apply_rule
from codeopen.images.verify.running import IDLE
from codeopen.images.verify.services import RULES as SERVICE_RULES
from codeopen.images.verify.services import Patience, Services, make_logins, started_services
from codeopen.model.catalog.model import Catalog, Port
from codeopen.model.plan.parts import BASE
from codeopen.model.plan.plan import BuildPlan
from tests.live import LiveStack

HERE = Path(__file__).parent
# What each rule must say of the broken image.
IMAGE_PROBLEMS = {
    "user": ["it runs as root"],
    "accounts": [
        "group redis does not have the id 990",
        "user stranger (777) is not the base's",
        "group strangers (778) is not the base's",
        "group redis has the id 779, which is 990 in the base",
    ],
    "home": ["/home/developer/workspace belongs to 1000:1000 with mode 700", "/home/developer/hidden would be hidden"],
    "privileges": [
        "/usr/local/bin/becomes-root has mode 4755",
        "/usr/local/bin/second-name has mode 4755",
        "/usr/local/bin/with-capabilities has capabilities",
        "/opt/disk is a device",
        "/etc/sudoers.d/agent grants something",
        "/etc/ld.so.preload, which root reads, names /home/developer/",
        "/etc/cron.d/linked leads to /home/developer/",
        "/etc/passwd: toor is 0:0",
        "/etc/shadow: toor has an empty password",
        "developer is in the group disk",
        "/etc/subuid: developer may take 65536 ids",
    ],
    "permissions": [
        "/usr/local/lib can be written by everybody",
        "/etc/of-the-user belongs to the user",
        "/etc/cron.d/job can be written by the user's group",
    ],
    "caches": [
        "/var/lib/apt/lists/some_Packages (5 bytes), which a later one removes",
        "/root/.npm/_cacache/index (1 bytes), which a later one removes",
    ],
    "secrets-in-files": ["/opt/codeopen/key.pem holds a private key", "/root/.netrc holds a login"],
    "secrets-in-configuration": ["variable SERVICE_TOKEN holds", "of its history holds a value of SERVICE_TOKEN"],
    "byte-code": ["/opt/module/__pycache__/stale.cpython-"],
    "time-zone": ["/etc/localtime leads to", "/etc/timezone says Asia/Tokyo", "TZ is Asia/Tokyo"],
    "environment": ["OPENCODE_PORT is '4999', which is '4096' in the catalog"],
    "ports": ["9999/tcp is exposed and not in the catalog"],
    "labels": [
        "org.opencontainers.image.title is 'another'",
        "dev.codeopen.substitute.bun: nothing stands in",
        "org.opencontainers.image.version is '24.04' instead of 'plan-",
    ],
    "health-check": ["opencode-server of base is in no file"],
    "start": ["Entrypoint is ['/usr/bin/env']", "ends no orphans", "the health check is"],
}
RUNNING_PROBLEMS = {
    "command-override": ["0, 0, 0, root"],
    "package-database": ["half"],
    "time-zone-variable": ["its clock is at +0900", "with TZ=Asia/Kolkata its clock is at +0000"],
    "back-off": ["hasty is started again"],
}
SERVICE_PROBLEMS = {
    "services-start": ["after 1 s: nobody: port 4998 answered 000"],
    "logins": ["port 4997 (open) answers 200 without a login", "port 4997 (open) answers 200 with a wrong login"],
    "passwords-untold": ["OPEN_PASSWORD stands in the log"],
    "passwords-hidden": ["ACP_GATEWAY_PASSWORD can be read: the variables of python3"],
    "orphans": ["zombie: "],
    "crashes": ["after a-frail was killed: after 1 s: a-frail is EXITED"],
    "stop": ["it ended with exit code 137", "s to end"],
}

OUTSIDE_PROBLEMS = {
    "closed": [
        "port 4996 (not in the catalog) listens on ::, which others can reach, without a login",
        "port 4997 (open) answers another container, without a login",
    ],
}


@pytest.fixture(scope="module")
def build(live: LiveStack, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Builds one of the folders here on the base of the live stack, into its registry."""

    def make(name: str) -> str:
        context = tmp_path_factory.mktemp(name) / "context"
        shutil.copytree(HERE / name, context)
        key = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out"]
        subprocess.run([*key, str(context / "key.pem")], check=True, capture_output=True)
        (context / "key.pem").chmod(0o644)
        told = context.parent / "metadata.json"
        repository = f"localhost:{live.registry_port}/tests/{name.replace('_', '-')}"
        output = f"type=image,name={repository},push=true,push-by-digest=true,oci-mediatypes=true"
        command = ["docker", "buildx", "build", "--builder", "codeopen", "--provenance=false", "--output", output]
        command += ["--build-context", f"base=docker-image://{images['base']}", "--metadata-file", str(told)]
        command += ["--file", str(context / "broken.dockerfile"), str(context)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return f"{repository}@{json.loads(told.read_text())['containerimage.digest']}"

    return make


@pytest.fixture(scope="module")
def base_expected(catalog: Catalog, plan: BuildPlan) -> Expectation:
    return expect_part(catalog, plan, BASE, plan.platforms[0])


@pytest.fixture(scope="module")
def broken_image(build: Callable[[str], str]) -> Iterator[str]:
    reference = build("broken_image")
    yield reference
    subprocess.run(["docker", "image", "rm", reference], check=False, capture_output=True)


@pytest.fixture(scope="module")
def broken_evidence(
    broken_image: str, images: dict[str, str], base_expected: Expectation, reader: LayerReader
) -> Evidence:
    return Evidence(base_expected, look_into(broken_image, reader), look_into(images["base"], reader))


@pytest.fixture(scope="module")
def broken_container(broken_image: str, surroundings: Surroundings) -> Iterator[Container]:
    with started(broken_image, surroundings, *IDLE) as container:
        yield container


@pytest.fixture(scope="module")
def with_an_open_port(base_expected: Expectation) -> Expectation:
    return replace(base_expected, ports=(*base_expected.ports, Port(4997, "open", "", 15, "OPEN")))


@pytest.fixture(scope="module")
def broken_services_image(build: Callable[[str], str]) -> Iterator[str]:
    reference = build("broken_services")
    yield reference
    subprocess.run(["docker", "image", "rm", reference], check=False, capture_output=True)


@pytest.fixture(scope="module")
def broken_services(
    broken_services_image: str, with_an_open_port: Expectation, surroundings: Surroundings
) -> Iterator[Services]:
    logins = make_logins(with_an_open_port, "0123456789abcdef")
    with started_services(broken_services_image, surroundings, logins) as container:
        yield impatient(Services(container, with_an_open_port, logins))


@pytest.fixture(scope="module")
def broken_unguarded(
    broken_services_image: str, with_an_open_port: Expectation, surroundings: Surroundings
) -> Iterator[Unguarded]:
    with started_beside_a_neighbour(broken_services_image, with_an_open_port, surroundings) as unguarded:
        yield replace(unguarded, services=impatient(unguarded.services))


def impatient(services: Services) -> Services:
    """The others must be well before the broken ones can be told from them."""
    for _ in range(300):
        if services.health().startswith("nobody:"):
            break
    return replace(services, patience=Patience(1, 1))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_broken_image_is_found_out(broken_evidence: Evidence, rule: Rule[Evidence]) -> None:
    detail = apply_rule("image", rule, broken_evidence).detail
    assert [text for text in IMAGE_PROBLEMS[rule.name] if text not in detail] == [], detail


@pytest.mark.parametrize("rule", RUNNING_RULES, ids=lambda rule: rule.name)
def test_a_broken_container_is_found_out(broken_container: Container, rule: Rule[Container]) -> None:
    detail = apply_rule("image", rule, broken_container).detail
    assert [text for text in RUNNING_PROBLEMS[rule.name] if text not in detail] == [], detail


@pytest.mark.heavy
@pytest.mark.parametrize("rule", SERVICE_RULES, ids=lambda rule: rule.name)
def test_broken_services_are_found_out(broken_services: Services, rule: Rule[Services]) -> None:
    detail = apply_rule("services", rule, broken_services).detail
    assert [text for text in SERVICE_PROBLEMS[rule.name] if text not in detail] == [], detail


@pytest.mark.heavy
@pytest.mark.parametrize("rule", OUTSIDE_RULES, ids=lambda rule: rule.name)
def test_an_open_service_is_found_out(broken_unguarded: Unguarded, rule: Rule[Unguarded]) -> None:
    detail = apply_rule("services", rule, broken_unguarded).detail
    assert [text for text in OUTSIDE_PROBLEMS[rule.name] if text not in detail] == [], detail
    assert "opencode" not in detail
