"""A cold rebuild of a small part from another clone, at another time, gives the same digest: by the real BuildKit.

The fast sample of test_reproducible.py. The part takes the place of the databases: it gets that part's named contexts,
build arguments, labels and export options, and installs a package as all parts do.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from codeopen.environment.settings import read_settings
from codeopen.environment.stack_file import read_stack_values
from codeopen.images.ondemand.builders.buildx import BuildxBuilder
from codeopen.images.ondemand.jobs import JobSource
from codeopen.model.catalog.model import Catalog
from codeopen.model.plan.context import read_contexts
from codeopen.model.plan.parts import BASE
from codeopen.model.plan.plan import BuildPlan
from tests.live import LiveStack

# The package's byte code names the times of its sources; the rest is written at the time of the build.
DOCKERFILE = """\
FROM base
ARG SOURCE_DATE_EPOCH
USER root
RUN --mount=type=bind,from=package-archive,target=/run/package-archive \\
    /usr/local/lib/codeopen/install-packages.sh python3-six
COPY notes.txt run.sh /opt/small/
RUN mkdir /opt/small/made && date --date="@$SOURCE_DATE_EPOCH" >/opt/small/made/date
"""
CLOCK = "RUN date +%s.%N >/opt/small/made/clock\n"
GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main")


class Rebuilding:
    """Builds what a repository holds, each time from a clone of its own and without cache."""

    def __init__(self, live: LiveStack, catalog: Catalog, plan: BuildPlan, base: str) -> None:
        self.settings = read_settings(live.name, read_stack_values(live.checkout, live.name), live.checkout)
        self.catalog, self.plan, self.base = catalog, plan, base
        self.planned = next(each for each in plan.parts if str(each.part.id) == "addon-databases")

    def build(self, repository: Path, clone: Path, umask: int, time: int) -> str:
        before = os.umask(umask)
        try:
            subprocess.run([*GIT, "clone", "--quiet", str(repository), str(clone)], check=True)
            for file in clone.rglob("*"):
                os.utime(file, (time, time))
            files = read_contexts(clone, [self.planned.part])
            source = JobSource(clone, self.catalog, self.settings, self.plan, files)
            job = source.part_job(self.planned, self.plan.platforms[0], {BASE: self.base})
            job = replace(job, repository=f"{self.settings.release.registry}/tests/{clone.name}")
            return BuildxBuilder(self.settings.builder, clone, cached=False).build(job, lambda _: None)
        finally:
            os.umask(before)

    def repository(self, root: Path, dockerfile: str) -> Path:
        folder = root / self.planned.part.directory
        folder.mkdir(parents=True)
        for name, text in {"Dockerfile": dockerfile, "notes.txt": "notes\n", "run.sh": "#!/bin/sh\n"}.items():
            (folder / name).write_text(text)
        (folder / "run.sh").chmod(0o755)
        for words in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "part")):
            subprocess.run([*GIT, "-C", str(root), *words], check=True)
        return root


@pytest.fixture(scope="module")
def rebuilding(live: LiveStack, catalog: Catalog, plan: BuildPlan, images: dict[str, str]) -> Rebuilding:
    return Rebuilding(live, catalog, plan, images["base"])


def test_clone_umask_and_time_do_not_matter(rebuilding: Rebuilding, tmp_path: Path) -> None:
    repository = rebuilding.repository(tmp_path / "repository", DOCKERFILE)
    first = rebuilding.build(repository, tmp_path / "first", 0o022, 1_000_000_000)
    assert rebuilding.build(repository, tmp_path / "second", 0o077, 1_700_000_000) == first


@pytest.mark.heavy
def test_what_writes_the_clock_is_seen(rebuilding: Rebuilding, tmp_path: Path) -> None:
    """No cache answers in the place of the second build."""
    repository = rebuilding.repository(tmp_path / "repository", DOCKERFILE + CLOCK)
    first = rebuilding.build(repository, tmp_path / "first", 0o022, 1_000_000_000)
    assert rebuilding.build(repository, tmp_path / "second", 0o022, 1_000_000_000) != first
