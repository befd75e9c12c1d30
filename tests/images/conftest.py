"""One image of a live stack, looked into and run once, as the subject of many tests."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator

import pytest

from codeopen.authoring.part_test.trial_stack import open_trial
from codeopen.environment.settings import plan_request, read_settings
from codeopen.environment.stack_file import read_stack_values
from codeopen.images.verify.container import Container, Surroundings, started
from codeopen.images.verify.evidence import Evidence, look_into
from codeopen.images.verify.expectation import Expectation, expect_combination
from codeopen.images.verify.layers import LayerReader
from codeopen.images.verify.running import IDLE
from codeopen.images.verify.services import Services, make_logins, started_services
from codeopen.images.verify.suite import Image
from codeopen.model.catalog.model import Catalog
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.context import read_contexts
from codeopen.model.plan.parts import list_builds
from codeopen.model.plan.plan import BuildPlan, make_plan
from tests.images.gateway_clients import developing, run
from tests.images.trials import Trials
from tests.live import ROOT, LiveStack

# The fast, real sample of the stack `live`: what is built on a part inherits its tests.
SAMPLE = Combination("js", ("databases",))


@pytest.fixture(scope="session")
def catalog(live: LiveStack) -> Catalog:
    return read_catalog(live.checkout / "catalog")


@pytest.fixture(scope="session")
def plan(live: LiveStack, catalog: Catalog) -> BuildPlan:
    settings = read_settings(live.name, read_stack_values(live.checkout, live.name), live.checkout)
    return make_plan(catalog, read_contexts(live.checkout, list_builds(catalog)), plan_request(settings))


@pytest.fixture(scope="session")
def expected(catalog: Catalog, plan: BuildPlan) -> Expectation:
    return expect_combination(catalog, plan, SAMPLE, plan.platforms[0])


@pytest.fixture(scope="session")
def images(live: LiveStack) -> dict[str, str]:
    """The images of the stack by their short names."""
    rows = json.loads(live.codeopen("status", "--format", "json").stdout)["images"]
    return {row["part"]: row["reference"] for row in rows}


@pytest.fixture(scope="session")
def image(images: dict[str, str], expected: Expectation) -> Image:
    return Image(images[expected.name], images["base"])


@pytest.fixture(scope="session")
def reader() -> LayerReader:
    return LayerReader()


@pytest.fixture(scope="session")
def evidence(expected: Expectation, image: Image, reader: LayerReader) -> Evidence:
    return Evidence(expected, look_into(image.reference, reader), look_into(image.base, reader))


@pytest.fixture(scope="session")
def surroundings(live: LiveStack) -> Surroundings:
    return Surroundings({"codeopen.test": live.name})


@pytest.fixture(scope="session")
def idle(image: Image, surroundings: Surroundings) -> Iterator[Container]:
    """A container of the image that runs another command than the image's."""
    with started(image.reference, surroundings, *IDLE) as container:
        yield container


@pytest.fixture(scope="session")
def services(image: Image, expected: Expectation, surroundings: Surroundings) -> Iterator[Services]:
    """A container of the image that runs its services, with a login for each port."""
    logins = make_logins(expected, secrets.token_hex(8))
    with started_services(image.reference, surroundings, logins) as container:
        yield Services(container, expected, logins)


@pytest.fixture(scope="session")
def trials() -> Iterator[Trials]:
    """The images of all parts, beside the stack that `make setup` chose."""
    found = Trials(open_trial(os.environ["CODEOPEN_STACK"], ROOT))
    yield found
    found.close()


@pytest.fixture(scope="session")
def outside(trials: Trials) -> Iterator[str]:
    """A container with the gateway's tests on the host's network, where ports are published: the place of clients."""
    base = trials.image("base").reference
    with developing(base, trials.stack.name, "--network", "host") as name:
        run(name, "npm run --silent build:tests")
        yield name
