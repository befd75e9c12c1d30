"""One build, as every builder takes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BuildJob:
    """What is built and where it goes.

    ``context`` is the folder of the build context, with a Dockerfile; ``named_contexts`` are locations as BuildKit
    takes them; ``repository`` names the registry too, without a tag; ``name`` says to people what it is, as
    ``addon-gui``.
    """

    name: str
    repository: str
    plan_digest: str
    platform: str
    context: str
    named_contexts: Mapping[str, str]
    build_arguments: Mapping[str, str]
    labels: Mapping[str, str]


class Builder(Protocol):
    """Builds an image and stores it, without a tag, in the job's repository."""

    def build(self, job: BuildJob, log: Log) -> str:
        """Build, telling the log line by line, and return the manifest's digest. Raises BuildError."""
        ...
