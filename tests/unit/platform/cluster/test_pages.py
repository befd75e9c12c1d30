"""What pages declare for a cluster is what settings are read from, and the API would take what comes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml

from codeopen.environment.read_cluster import read_cluster_settings
from codeopen.environment.settings import read_settings
from codeopen.environment.stack_file import read_stack_values
from codeopen.platform.cluster.platform_objects import PlatformImages, platform_objects
from codeopen.platform.cluster.project_objects import project_objects
from codeopen.platform.cluster.validation import validate
from codeopen.platform.cluster.warm_up.images import WarmImage
from tests.live import ROOT
from tests.unit.platform.cluster.test_project import deployment

IMAGE = f"registry.example.com/x@sha256:{'1' * 64}"
PAGES = ("connect-a-cluster.md", "run-a-registry-in-the-cluster.md", "warm-up-nodes.md")


def blocks() -> Iterator[str]:
    for page in PAGES:
        text = (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")
        yield from re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", list(blocks()))
def test_what_a_page_declares_makes_valid_objects(block: str) -> None:
    settings = read_cluster_settings(yaml.safe_load(block)["config"]["codeopen:cluster"])
    warm = (WarmImage(IMAGE, ("js",)),)
    objects = platform_objects(settings, PlatformImages(IMAGE, IMAGE, IMAGE), warm)
    assert len(objects) > 5
    assert validate([*objects, *project_objects(deployment(), settings)]) == []


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_the_clusters_stacks_are_read(stack: str) -> None:
    settings = read_settings(stack, read_stack_values(ROOT, stack), ROOT)
    assert settings.cluster is not None
    assert settings.cluster.registry.host == settings.release.registry
