"""The how-to pages do what they say: their files are written, and their commands run, in a copy of this checkout.

A block whose first line names a file is that file's content, or its end where the catalog has the file already; a diff
is applied. Commands run as they stand, with stand-ins for those that need a network or an Engine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from codeopen.authoring.new_part.readmes import ReadmeState, read_readmes
from codeopen.model.catalog.read import read_catalog
from tests.live import ROOT, copy_checkout
from tests.unit.authoring.upstreams.stand_in import serving

HOW_TO = ROOT / "docs" / "how-to"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# What `make` would do is not done: its target must exist. The tests that a page names must exist as well. What builds
# images is not done either, but its words must be those of a command.
CLI = f'"{sys.executable}" -m codeopen.cli'
STAND_INS = {
    "codeopen": f'case "$1 $2" in *" test" | ensure*) set -- "$@" --stack x --help; esac; exec {CLI} "$@"',
    "make": f'exec "{shutil.which("make")}" --dry-run "$@"',
    "pytest": 'for last; do :; done; test -e "$last"',
    "skopeo": f'exec "{sys.executable}" {Path(__file__).with_name("stand_in_skopeo.py")} "$@"',
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this checkout as a git repository of its own, all of it committed."""
    folder = tmp_path / "checkout"
    copy_checkout(folder)
    git = ("git", "-c", "user.name=Test", "-c", "user.email=test@example.org")
    for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "A copy")):
        subprocess.run([*git, *words], cwd=folder, check=True, capture_output=True)
    return folder


def follow(page: str, checkout: Path, after: str = "# ") -> str:
    """Do all that a page says, from its top (or a heading) to its end; returns what its commands printed."""
    programs = checkout.with_name("programs")
    programs.mkdir()
    for name, body in STAND_INS.items():
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:/usr/bin:/bin", "PYTHONPATH": str(checkout)}
    printed = ""
    for language, file, content in BLOCK.findall((HOW_TO / page).read_text(encoding="utf-8").partition(after)[2]):
        if file:
            (checkout / file).parent.mkdir(parents=True, exist_ok=True)
            with (checkout / file).open("a" if file.startswith("catalog/") else "x", encoding="utf-8") as target:
                target.write(content)
            continue
        assert language in {"sh", "diff"}, f"{page}: a block is a file, a diff or commands"
        applied = ["git", "apply", "--recount", "-"]
        done = subprocess.run(
            applied if language == "diff" else ["bash", "-euo", "pipefail", "-c", content],
            cwd=checkout,
            env=environment,
            input=content if language == "diff" else "",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{page}:\n{content}\n{done.stderr}"
        printed += done.stdout
    return " ".join(printed.split())


@pytest.mark.parametrize(("page", "part"), [("add-a-flavor.md", "ruby"), ("add-an-addon.md", "addon-pdf")])
def test_a_part_that_is_added_as_the_page_says_can_be_built(checkout: Path, page: str, part: str) -> None:
    printed = follow(page, checkout)
    assert "no problems" in printed
    assert f"{part} buildable linux/amd64" in printed
    assert f'"image": "localhost:5000/codeopen/codeopen-{"ruby-gui" if part == "ruby" else "js-pdf"}:' in printed
    assert part.removeprefix("addon-").title() in (checkout / "docs/images/layers.svg").read_text().title()
    dockerfile = next((checkout / "dockerfiles").glob(f"*/{part.removeprefix('addon-')}/Dockerfile")).read_text()
    assert f"ARG CODEOPEN_PART={part}\n" in dockerfile
    readmes = read_readmes(read_catalog(checkout / "catalog"), checkout)
    assert [readme.problem for readme in readmes if readme.state is not ReadmeState.CURRENT] == []
    assert part in {str(readme.part) for readme in readmes}


def test_a_stack_that_is_added_as_the_page_says_can_be_read(checkout: Path) -> None:
    printed = follow("add-a-stack.md", checkout)
    assert "js on linux/amd64: sha256:" in printed
    assert printed.count("export CODEOPEN_STACK=team;") == 3


def test_the_tutorial_s_add_on(checkout: Path) -> None:
    """Its last steps; tests/engine/test_main_job.py follows those that need a stack."""
    printed = follow("../tutorial.md", checkout, after="## 4. Add an add-on\n")
    assert "addon-calc buildable linux/amd64" in printed
    assert "codeopen-js-calc:" in printed


def test_both_ways_to_mirror_an_upstream(checkout: Path) -> None:
    printed = follow("mirror-an-upstream.md", checkout)
    reference = "docker.io/library/ubuntu:24.04 → mirror.example.com/library/ubuntu:24.04"
    assert f"catalog upstream ubuntu: reference {reference}" in printed
    assert "upstream ubuntu 24.04 mirror/ubuntu" in printed
    mirrored = json.loads((checkout / "mirror/mirror.json").read_text())["upstreams"]["ubuntu"]
    assert (
        mirrored["digest"] == json.loads((checkout / "mirror/ubuntu/index.json").read_text())["manifests"][0]["digest"]
    )


def test_an_upstream_is_renewed_as_the_page_says(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as pages:
        pages.serve_npm("yarn", {"1.22.22": {}, "1.22.23": {}, "2.0.0": {}})
        monkeypatch.setenv("npm_config_registry", pages.address)
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
        printed = follow("renew-upstreams.md", checkout)
    assert "yarn moved 1.22.22 1.22.23" in printed
    assert "Changed files: catalog/upstreams.yaml dockerfiles/flavors/js/README.md" in printed
    assert "catalog upstream yarn: 1.22.22 → 1.22.23" in printed


def test_combinations_are_chosen_from_use_as_the_page_says(checkout: Path) -> None:
    printed = follow("choose-popular-combinations.md", checkout)
    assert "js + gui + databases" in printed
    assert "no problems" in printed
    assert "codeopen-js-db-gui:" in printed
    assert "960 of 9,191 selections" in printed


def test_arm64_is_planned_and_refused_as_the_page_says(checkout: Path) -> None:
    printed = follow("build-for-arm64.md", checkout)
    assert "js buildable linux/arm64" in printed
    assert printed.count("no Flutter SDK for Linux on arm64") == 2, "the plan and the refusal give one reason"
    assert '"image": "localhost:5000/codeopen/codeopen-js-gui:' in printed
    assert "js on linux/arm64: sha256:" in printed


def test_the_oracle_has_the_pairs_that_the_page_names() -> None:
    page = (HOW_TO / "have-a-combination-made.md").read_text(encoding="utf-8")
    (expression,) = re.findall(r"^pytest -m heavy tests/oracle -k '(.*)'$", page, re.MULTILINE)
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "heavy", "tests/oracle", "-k", expression]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    pairs = re.findall(r"test_a_pair_composes_to_what_its_chain_is\[(.*)\]$", done.stdout, re.MULTILINE)
    assert pairs == expression.split(" or "), done.stdout


def test_every_page_is_followed() -> None:
    followed = {
        "add-a-flavor.md",
        "add-an-addon.md",
        "add-a-stack.md",
        "build-for-arm64.md",
        "choose-popular-combinations.md",
        "mirror-an-upstream.md",
        "renew-upstreams.md",
    }
    elsewhere = {
        "connect-a-cluster.md": "tests/unit/platform/cluster/test_pages.py",
        "give-projects-a-gpu.md": "tests/unit/platform/cluster/test_gpu_pools.py",
        "have-a-combination-made.md": "tests/engine/test_ensure_cli_for_real.py",
        "prune-a-registry.md": "tests/unit/images/retention",
        "recover-an-interrupted-run.md": "tests/engine/test_interruption.py",
        "run-an-image-with-docker.md": "tests/images/test_closed.py",
        "run-a-registry-in-the-cluster.md": "tests/unit/platform/cluster/test_pages.py",
        "run-projects-on-kubernetes.md": "tests/cluster/test_project_stacks.py",
        "use-the-api.md": "tests/service/test_served.py",
        "use-the-command-line.md": "tests/unit/cli/test_main.py",
        "warm-up-nodes.md": "tests/unit/platform/cluster/test_pages.py",
    }
    for page, tests in elsewhere.items():
        files = [ROOT / tests] if tests.endswith(".py") else list((ROOT / tests).glob("test_*.py"))
        assert any(page in file.read_text() for file in files), f"{tests} follows {page}"
    assert {page.name for page in HOW_TO.glob("*.md")} == followed | set(elsewhere)
