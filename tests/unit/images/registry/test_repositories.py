"""Repositories are made by the AWS command line, here a stand-in, in the registries that have its names."""

from __future__ import annotations

import pytest

from codeopen.errors import RegistryError
from codeopen.images.registry.login import challenge_of
from codeopen.images.registry.repositories import EcrCreator, UnknownCreator, creator_for
from tests.unit.stand_ins import StandIns

HOST = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
COMMAND = (
    "aws ecr create-repository --registry-id 123456789012 --region eu-central-1 --repository-name codeopen/codeopen-js"
)


@pytest.mark.parametrize(
    ("host", "creator"),
    [
        (HOST, EcrCreator(HOST, "123456789012", "eu-central-1")),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("123456789012.dkr-ecr.us-east-1.on.aws", "us-east-1"),
        ("localhost:5000", UnknownCreator("localhost:5000")),
        (f"{HOST}.example.com", UnknownCreator(f"{HOST}.example.com")),
    ],
)
def test_the_host_tells_who_makes_repositories(host: str, creator: object) -> None:
    made = creator_for(host)
    assert made.region == creator if isinstance(creator, str) and isinstance(made, EcrCreator) else made == creator


def test_the_aws_command_line_makes_it(stand_ins: StandIns) -> None:
    stand_ins.put("aws")
    creator_for(HOST).create("codeopen/codeopen-js")
    assert stand_ins.calls == [COMMAND]


def test_one_that_somebody_else_has_made_is_fine(stand_ins: StandIns) -> None:
    stand_ins.put("aws", "echo 'An error occurred (RepositoryAlreadyExistsException) ...' >&2; exit 254")
    creator_for(HOST).create("codeopen/codeopen-js")


def test_a_refusal_is_told_with_the_command(stand_ins: StandIns) -> None:
    stand_ins.put("aws", "echo 'trace' >&2; echo 'AccessDeniedException: not authorized' >&2; exit 254")
    with pytest.raises(RegistryError) as caught:
        creator_for(HOST).create("codeopen/codeopen-js")
    assert str(caught.value) == (
        f"{HOST}/codeopen/codeopen-js: creating the repository: the AWS command line ends with 254: "
        f"AccessDeniedException: not authorized; run `{COMMAND}`"
    )


def test_a_missing_command_line_is_told_with_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RegistryError, match="AWS command line is missing; install it, or run `aws ecr create-repos"):
        creator_for(HOST).create("codeopen/codeopen-js")


@pytest.mark.parametrize(
    ("header", "scheme", "realm"),
    [
        ('Bearer realm="https://a/token",service="s"', "bearer", "https://a/token"),
        ('Bearer realm="https://a/token", Basic realm="b"', "bearer", "https://a/token"),
        ("Basic realm=plain", "basic", "plain"),
        (r'BASIC realm="a \"b\""', "basic", 'a "b"'),
        ("", "", None),
    ],
)
def test_challenges_are_read(header: str, scheme: str, realm: str | None) -> None:
    challenge = challenge_of(header)
    assert (challenge.scheme, challenge.parameters.get("realm")) == (scheme, realm)
