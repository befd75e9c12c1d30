"""A new project of every framework that an image brings is built and served in it, without network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from codeopen.images.verify.container import Container, started
from codeopen.images.verify.running import IDLE
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.parts import list_parts
from tests.images.recipes import RECIPES
from tests.images.trials import Trials
from tests.live import ROOT

pytestmark = pytest.mark.heavy
STARTERS = "/opt/codeopen/starters"
CATALOG = read_catalog(ROOT / "catalog")
# Libraries that are imported in any project, and are in no starter's name.
LIBRARIES = {"pytorch", "tensorflow", "langchain"}


def brings_starters(directory: Path) -> bool:
    """Whether a Dockerfile puts starters where codeopen-new looks for them, or stands on one that does."""
    return (directory / "Dockerfile").is_file() and (directory.parent.name == "flavors" or brings_own(directory))


def brings_own(directory: Path) -> bool:
    return STARTERS in (directory / "Dockerfile").read_text(encoding="utf-8")


PARTS = [str(part.id) for part in list_parts(CATALOG) if brings_starters(ROOT / part.directory)]


def start_project(container: Container, framework: str, folder: str) -> None:
    ran = container.run("codeopen-new", framework, folder, seconds=300)
    assert ran.code == 0, ran.output + ran.errors


@pytest.mark.parametrize("part", PARTS)
def test_new_projects_are_built_and_served_without_network(
    trials: Trials, subtests: pytest.Subtests, part: str
) -> None:
    with started(trials.image(part).reference, trials.surroundings(), *IDLE) as container:
        frameworks = container.run("ls", STARTERS).output.split()
        assert frameworks, f"{part} brings no starters"
        for framework in frameworks:
            with subtests.test(framework=framework):
                folder = f"/home/developer/workspace/{framework}"
                start_project(container, framework, folder)
                files = container.run("ls", "-A", folder).output.split()
                recipe = next(recipe for recipe in RECIPES if recipe.marker in files)
                ran = container.run("bash", "-lc", f"cd {folder}\n{recipe.script}", seconds=900)
                assert ran.code == 0, ran.output[-2000:] + ran.errors[-2000:]
                if recipe.serve:
                    assert recipe.says in ran.output.lower(), ran.output[-2000:] + ran.errors[-2000:]


@pytest.mark.parametrize("flavor", list(CATALOG.flavors))
def test_every_framework_of_the_catalog_has_a_starter(trials: Trials, flavor: str) -> None:
    def plain(name: str) -> str:
        return re.sub(r"[^a-z]", "", name.lower().removesuffix(".js"))

    wanted = {plain(name) for name in CATALOG.flavors[flavor].frameworks} - LIBRARIES
    with started(trials.image(flavor).reference, trials.surroundings(), *IDLE) as container:
        found = {plain(name) for name in container.run("ls", STARTERS).output.split()}
    assert wanted <= found
