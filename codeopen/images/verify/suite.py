"""Everything that is verified of an image, in its order."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from codeopen.images.verify.checks import check_commands
from codeopen.images.verify.container import Surroundings, started
from codeopen.images.verify.evidence import Evidence, look_into
from codeopen.images.verify.expectation import Expectation
from codeopen.images.verify.image import check_evidence, check_running
from codeopen.images.verify.layers import LayerReader
from codeopen.images.verify.outside import check_from_outside, started_beside_a_neighbour
from codeopen.images.verify.results import Result, Verification
from codeopen.images.verify.running import IDLE
from codeopen.images.verify.services import Services, check_services, make_logins, started_services


@dataclass(frozen=True, slots=True)
class Image:
    """An image in a registry, ``host:port/repository@digest``, and the base that it stands on."""

    reference: str
    base: str


def verify(expected: Expectation, image: Image, surroundings: Surroundings, reader: LayerReader) -> Verification:
    """Look into an image and run it. Raises RegistryError or VerifyError when it can't be had at all."""
    evidence = Evidence(expected, look_into(image.reference, reader), look_into(image.base, reader))
    results = [*check_evidence(evidence), *_check_idle(expected, image, surroundings)]
    results += _check_services(expected, image, surroundings)
    results += _check_from_outside(expected, image, surroundings)
    return Verification(tuple(results), expected.left_out)


def _check_idle(expected: Expectation, image: Image, surroundings: Surroundings) -> Iterator[Result]:
    with started(image.reference, surroundings, *IDLE) as container:
        yield from check_running(container)
        yield from check_commands(container, expected)


def _check_services(expected: Expectation, image: Image, surroundings: Surroundings) -> Iterator[Result]:
    logins = make_logins(expected, secrets.token_hex(8))
    with started_services(image.reference, surroundings, logins) as container:
        yield from check_services(Services(container, expected, logins))


def _check_from_outside(expected: Expectation, image: Image, surroundings: Surroundings) -> Iterator[Result]:
    with started_beside_a_neighbour(image.reference, expected, surroundings) as closed:
        yield from check_from_outside(closed)
