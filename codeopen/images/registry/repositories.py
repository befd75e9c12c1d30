"""Repositories that have to be there before anything is pushed: most registries make them, some want to be asked.

Source: Amazon ECR, "CreateRepository".
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Final, Protocol

from codeopen.environment.children import run
from codeopen.errors import RegistryError

_ECR: Final = re.compile(r"(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)")
_SECONDS: Final = 60
_THERE_ALREADY: Final = "RepositoryAlreadyExistsException"


class RepositoryCreator(Protocol):
    """Makes a repository in one registry; called when the registry said that it has none of that name."""

    def create(self, repository: str) -> None:
        """Make it, or find that somebody else has. Raises RegistryError, which says what a person can run."""


@dataclass(frozen=True, slots=True)
class UnknownCreator:
    """For registries whose way to make repositories isn't known here."""

    host: str

    def create(self, repository: str) -> None:
        raise RegistryError(
            f"{self.host}/{repository}: creating the repository: the registry wants it made before a push; create "
            f"{repository} there"
        )


@dataclass(frozen=True, slots=True)
class EcrCreator:
    """Amazon's registry, by the AWS command line with the user's own credentials."""

    host: str
    account: str
    region: str

    def create(self, repository: str) -> None:
        command = ["aws", "ecr", "create-repository", "--registry-id", self.account, "--region", self.region]
        command += ["--repository-name", repository]
        where = f"{self.host}/{repository}: creating the repository"
        by_hand = f"run `{' '.join(command)}`"
        program = shutil.which("aws")
        if program is None:
            raise RegistryError(f"{where}: the AWS command line is missing; install it, or {by_hand} where it is")
        try:
            done = run([program, *command[1:]], env={**os.environ, "AWS_PAGER": ""}, seconds=_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RegistryError(f"{where}: the AWS command line does not end well ({error}); {by_hand}") from error
        if done.returncode and _THERE_ALREADY not in done.stderr:
            said = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise RegistryError(f"{where}: the AWS command line ends with {done.returncode}: {said}; {by_hand}")


def creator_for(host: str) -> RepositoryCreator:
    """What makes repositories in the registry of that name."""
    if ecr := _ECR.fullmatch(host):
        return EcrCreator(host, ecr[1], ecr[2])
    return UnknownCreator(host)
