"""The README tells the truth: its files exist, its commands run, its picture is today's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from codeopen.images.compose.gate import RULES
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.combinations import enumerate_combinations
from tests.live import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]


def commands(text: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("codeopen ")]
    # These need a running stack: tests/engine/test_main_job.py and test_ensure_cli_for_real.py run them.
    return [
        line for line in lines if not line.startswith(("codeopen project ", "codeopen ensure ", "codeopen compose "))
    ]


@pytest.mark.parametrize("command", commands(README))
def test_commands_of_the_readme_run(command: str, tmp_path: Path) -> None:
    given = command.partition("#")[0].split()[1:]
    # What it writes belongs beside the test.
    words = [
        str(tmp_path / word) if before == "--out" else word for before, word in zip(["", *given], given, strict=False)
    ]
    subprocess.run([sys.executable, "-m", "codeopen.cli", *words], cwd=ROOT, check=True, capture_output=True)


def test_the_readme_has_commands() -> None:
    assert len(commands(README)) >= 4


@pytest.mark.parametrize("target", re.findall(r"^make (\w+)", README, re.MULTILINE))
def test_make_targets_of_the_readme_exist(target: str) -> None:
    subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if not link.startswith("http") and not (page.parent / link).exists()]
    assert missing == []


def test_figures_of_the_words_are_todays() -> None:
    catalog = read_catalog(ROOT / "catalog")
    combinations = f"{sum(1 for _ in enumerate_combinations(catalog)):,}"
    for page in (ROOT / "README.md", ROOT / "docs/explanation/architecture.md"):
        text = page.read_text(encoding="utf-8")
        assert set(re.findall(r"\b1,\d{3}\b", text)) == {combinations}, page
        assert set(re.findall(r"\b(\d+)\s+rules\b", text)) == {str(len(RULES))}, page


def test_figures_of_the_readme_are_those_of_the_benchmarks() -> None:
    measured = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
    rows = {
        line.split("|")[1].strip(" *"): [cell.strip(" *") for cell in line.split("|")[3:]]
        for line in measured.splitlines()
        if line.count("|") > 8
    }
    composed, chained = rows["composed + seal"], rows["chained: the add-on's Dockerfile on the flavor"]
    assert f"takes {composed[0]}, not {float(chained[0].removesuffix(' s')):.0f} s" in README
    assert f"{composed[7]} stored instead of {chained[7]}" in README
    assert f"{composed[2]} times the floor" in README
    assert f"a {re.findall(r'([0-9]+) times faster', README)[0]}th of the chained one" in measured


def test_the_sum_of_the_example_is_what_resolve_computes() -> None:
    page = (ROOT / "docs/explanation/architecture.md").read_text(encoding="utf-8")
    words = re.findall(r"^`codeopen (resolve .*)`:$", page, re.MULTILINE)[0].split()
    command = [sys.executable, "-m", "codeopen.cli", *words, "--format", "text"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    cells = re.findall(r"^\| \*\*sum\*\* (.*)\|$", page, re.MULTILINE)[0].replace("*", "").replace(" GiB", "Gi")
    cpu, memory, reserved, storage, price = (cell.strip() for cell in cells.strip("|").split("|"))
    lines = " ".join(printed.split())
    assert f"CPU {cpu} Memory {memory}, of which {reserved} reserved Storage {storage}" in lines
    assert f"Price {price}.00 a month" in lines


def test_the_picture_of_the_layers_is_todays() -> None:
    command = [sys.executable, "-m", "codeopen.cli", "plan", "graph", "--format", "svg"]
    drawn = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert drawn == (ROOT / "docs" / "images" / "layers.svg").read_text(encoding="utf-8"), (
        "run: codeopen plan graph --format svg >docs/images/layers.svg"
    )
