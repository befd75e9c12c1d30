"""BuildKit's own checks have nothing to say about any Dockerfile. Nothing is pulled or built for them.

Named contexts are empty folders, because the checks read nothing but the Dockerfile. They are those of the catalog: a
Dockerfile that names another one fails here, because BuildKit looks for it in a registry.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from codeopen.environment.settings import read_settings
from codeopen.environment.stack_file import read_stack_values
from codeopen.model.catalog.model import UpstreamKind
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.digest import UpstreamPin
from codeopen.model.plan.parts import Part, list_builds
from codeopen.model.plan.plan import build_arguments
from tests.live import ROOT

CATALOG = read_catalog(ROOT / "catalog")
BUILDS = {str(part.id): part for part in list_builds(CATALOG) if (ROOT / part.directory / "Dockerfile").is_file()}
CLEAN = "Check complete, no warnings found."
CONTEXTS = {UpstreamKind.IMAGE, UpstreamKind.PACKAGE_ARCHIVE}


def files(part: Part) -> set[str]:
    """The part's upstreams that come by URL, or as contexts in the place of the stages that unpack them."""
    return {name for name in part.upstreams if CATALOG.upstreams[name].kind is UpstreamKind.FILE}


def contexts(part: Part) -> set[str]:
    """The named contexts that the part has in every stack."""
    upstreams = {name for name in part.upstreams if CATALOG.upstreams[name].kind in CONTEXTS}
    return upstreams | {str(other) for other in part.builds_on}


@pytest.fixture(scope="module")
def builder() -> str:
    stack = os.environ["CODEOPEN_STACK"]
    return read_settings(stack, read_stack_values(ROOT, stack), ROOT).builder


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("empty")


def said(builder: str, directory: Path, named: Iterable[str], empty: Path, arguments: Iterable[tuple[str, str]]) -> str:
    """What BuildKit says about a Dockerfile: CLEAN, or what is wrong with it."""
    command = ["docker", "buildx", "build", "--builder", builder, "--check"]
    for name in sorted(named):
        command += ["--build-context", f"{name}={empty}"]
    for name, value in arguments:
        command += ["--build-arg", f"{name}={value}"]
    done = subprocess.run([*command, str(directory)], capture_output=True, text=True, timeout=300, check=False)
    return done.stdout.strip() if not done.returncode else done.stdout + done.stderr


def test_every_dockerfile_is_one_of_the_catalog_s() -> None:
    found = {path.parent for path in (ROOT / "dockerfiles").rglob("Dockerfile") if "node_modules" not in path.parts}
    assert {ROOT / part.directory for part in BUILDS.values()} == found


@pytest.mark.parametrize("name", BUILDS)
def test_a_dockerfile_is_clean_where_upstreams_come_by_url(builder: str, empty: Path, name: str) -> None:
    part = BUILDS[name]
    arguments = build_arguments(CATALOG, part, {}, part.platforms[0])
    assert said(builder, ROOT / part.directory, contexts(part), empty, arguments) == CLEAN


@pytest.mark.parametrize("name", [name for name, part in BUILDS.items() if files(part)])
def test_a_dockerfile_is_clean_where_contexts_take_their_place(builder: str, empty: Path, name: str) -> None:
    part = BUILDS[name]
    arguments = build_arguments(
        CATALOG, part, {each: UpstreamPin(each, "mirror", "1", "") for each in files(part)}, part.platforms[0]
    )
    assert said(builder, ROOT / part.directory, contexts(part) | files(part), empty, arguments) == CLEAN


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("FROM base\nENV PASSWORD=secret\n", "SecretsUsedInArgOrEnv"),
        ("FROM base\nRUN true $UNKNOWN\nCOPY x $UNDEFINED\n", "UndefinedVar"),
        ("FROM base as Lower\n", "FromAsCasing"),
        ("FROM base\nCMD echo x\n", "JSONArgsRecommended"),
        ("FROM base\nWORKDIR somewhere\n", "WorkdirRelativePath"),
        ("FROM base\nCOPY --from=unheard x x\n", "unheard"),
    ],
)
def test_a_dockerfile_that_breaks_a_rule_is_found(
    builder: str, empty: Path, tmp_path: Path, broken: str, told: str
) -> None:
    (tmp_path / "Dockerfile").write_text(broken)
    answer = said(builder, tmp_path, {"base"}, empty, ())
    assert told in answer
    assert CLEAN not in answer
