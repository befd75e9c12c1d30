"""What this machine reaches decides where tools and images come from, and which stack `make up` applies."""

from __future__ import annotations

import http.client
import re
import shutil
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from commands import found, run, succeeds
from paths import Paths

RELEASES = "https://get.pulumi.com"
SAMPLE_IMAGE = "docker.io/library/ubuntu:24.04"
OLDEST_PULUMI = (3, 200)


@dataclass(frozen=True, slots=True)
class Machine:
    """``releases``: Pulumi's releases and plugins can be fetched; ``images``: images can be pulled from Docker Hub."""

    releases: bool
    images: bool

    @property
    def stack(self) -> str:
        return "dev" if self.images else "offline"

    def __str__(self) -> str:
        if self.releases and self.images:
            return "This machine reaches Pulumi's releases and Docker Hub: official tools and images, stack dev."
        tools = "official tools" if self.releases else "tools compiled from pinned Go modules, fallback plugins"
        missing = [
            name for name, there in (("Pulumi's releases", self.releases), ("Docker Hub", self.images)) if not there
        ]
        return f"This machine does not reach {' and '.join(missing)}: {tools}, stack {self.stack}."


def look() -> Machine:
    releases = _answers(RELEASES)
    images = succeeds(["docker", "manifest", "inspect", SAMPLE_IMAGE]) if found("docker") else releases
    return Machine(releases=releases, images=images)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=5):
            return True
    except (OSError, http.client.HTTPException):  # urllib's own errors too: a proxy's refusal is an HTTP answer
        return False


def own_pulumi(paths: Paths) -> str | None:
    """The path of a Pulumi CLI that the machine already has (not one that set-up put there), if it is new enough."""
    program = shutil.which("pulumi")
    # Another checkout's link leads to the same cache.
    if program is None or Path(program).resolve().is_relative_to(paths.cache.resolve()):
        return None
    version = run([program, "version"], failure="The pulumi command on PATH does not work").strip()
    numbers = re.match(r"v?(\d+)\.(\d+)\.", version)
    return program if numbers and (int(numbers[1]), int(numbers[2])) >= OLDEST_PULUMI else None
