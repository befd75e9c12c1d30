"""A real image of this project in a registry of a test's own, under two digests."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from codeopen.images.compose.image import CONFIG_TYPE, document
from codeopen.images.registry.registry import Registry
from tests.unit.images.registry.real_registry import distribution_3, serving

REPOSITORY: Final = "codeopen/codeopen-js"
LABEL: Final = "dev.codeopen.test.version"


@dataclass(frozen=True, slots=True)
class RealImages:
    """``REPOSITORY@DIGEST`` of an image, and of one that differs in a label only."""

    first: str
    second: str


@contextmanager
def real_images(folder: Path) -> Iterator[RealImages]:
    """Copied from a registry that stacks of this checkout have, which is read only."""
    source, tag = _find()
    with serving(distribution_3(), folder) as served:
        registry = Registry(served.host)
        found = source.read_manifest(REPOSITORY, tag)
        manifest = found.parsed()
        for blob in [manifest["config"], *manifest["layers"]]:
            registry.copy_blob(REPOSITORY, blob["digest"], source, REPOSITORY)
        registry.write_manifest(REPOSITORY, found.digest, found.media_type, found.content)
        config = json.loads(registry.read_blob(REPOSITORY, manifest["config"]["digest"]))
        config["config"].setdefault("Labels", {})[LABEL] = "2"
        changed = document(CONFIG_TYPE, config)
        registry.upload_blob(REPOSITORY, changed.digest, changed.content)
        manifest["config"] |= {"digest": changed.digest, "size": len(changed.content)}
        second = document(found.media_type, manifest)
        registry.write_manifest(REPOSITORY, second.digest, second.media_type, second.content)
        repository = f"{served.host}/{REPOSITORY}"
        yield RealImages(f"{repository}@{found.digest}", f"{repository}@{second.digest}")


def _find() -> tuple[Registry, str]:
    """A registry that has the image, and a tag of it for one platform."""
    stack = os.environ.get("CODEOPEN_STACK", "dev")
    for container in (f"codeopen-{stack}-registry", f"codeopen-{stack}-trial-registry"):
        done = subprocess.run(["docker", "port", container], capture_output=True, text=True, check=False)
        port = re.search(r":(\d+)$", done.stdout.strip())
        if port is None:
            continue
        registry = Registry(f"localhost:{port[1]}")
        for tag in registry.list_tags(REPOSITORY):
            # Tags like sha256-… are notes about an image.
            if not tag.startswith("sha256-") and "layers" in registry.read_manifest(REPOSITORY, tag).parsed():
                return registry, tag
    pytest.fail(f"no registry of stack {stack} has {REPOSITORY}; run: make up", pytrace=False)
