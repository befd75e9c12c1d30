"""Cold builds in another checkout, by the other builder, give the digests that the stack's images have."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from codeopen.images.ondemand.builders.buildx import BuildxBuilder
from codeopen.images.ondemand.jobs import JobSource
from codeopen.model.plan.context import read_contexts
from codeopen.model.plan.parts import BASE, PartId, list_builds
from tests.images.trials import Trials
from tests.live import ROOT

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize("part", ["base", "js", "addon-databases"])
def test_a_cold_build_elsewhere_gives_the_same_digest(trials: Trials, tmp_path: Path, part: str) -> None:
    """The stack builds through Pulumi's provider from this checkout, buildx here from a clone without cache."""
    image, stack = trials.image(part), trials.stack
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    files = read_contexts(clone, list_builds(stack.catalog))
    source = JobSource(clone, stack.catalog, stack.settings, stack.plan, files)
    planned = next(each for each in stack.plan.parts if str(each.part.id) == part)
    references: dict[PartId, str] = {} if planned.part.id == BASE else {BASE: image.base}
    job = source.part_job(planned, stack.plan.platforms[0], references)
    job = replace(job, repository=f"{stack.settings.release.registry}/tests/again-{part}")
    builder = BuildxBuilder(stack.settings.builder, clone, cached=False)
    assert builder.build(job, lambda _: None) == image.reference.partition("@")[2]
