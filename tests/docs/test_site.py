"""The site builds without a warning, and fetches nothing from outside."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.live import ROOT


def build(site: Path, checkout: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = ["mkdocs", "build", "--strict", "--site-dir", str(site)]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_pages_fetch_nothing_from_outside(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 50
    fetched = (
        r"""<(?:script|img|iframe|source)[^>]*\ssrc=["']?(?:https?:)?//"""
        r"""|<link[^>]*rel=["']?(?:stylesheet|preconnect|icon)["']?[^>]*href=["']?(?:https?:)?//"""
    )
    # For a repository the theme's script asks GitHub.
    fetched = rf'{fetched}|data-md-component="source"'
    assert [str(page) for page in pages if re.search(fetched, page.read_text(encoding="utf-8"))] == []
    sheets = [
        sheet
        for sheet in site.rglob("*.css")
        if re.search(r"(?:url\(|@import )[\"']?(?:https?:)?//", sheet.read_text())
    ]
    assert sheets == []


def test_the_home_page_is_the_readme_and_its_links_stay_in_the_site(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    assert 'src="images/layers.svg"' in home
    assert 'href="how-to/add-an-addon/"' in home
    assert 'href="contributing/"' in home


def test_a_link_to_a_file_that_is_no_page_leads_to_the_repository(site: Path) -> None:
    page = (site / "benchmarks" / "index.html").read_text(encoding="utf-8")
    assert 'href="https://github.com/codeopen/codeopen-containers/blob/main/bench/floor_program/__main__.py"' in page


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("[gone](how-to/gone.md)", "how-to/gone.md"),
        ("[gone](how-to/add-an-addon.md#gone)", "does not contain an anchor '#gone'"),
    ],
)
def test_a_broken_link_fails_the_build(tmp_path: Path, words: str, told: str) -> None:
    for name in ("docs", "dockerfiles", "tools/docs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    for file in (*ROOT.glob("*.md"), ROOT / "mkdocs.yml"):
        shutil.copy(file, tmp_path)
    with (tmp_path / "docs" / "tutorial.md").open("a", encoding="utf-8") as page:
        page.write(f"\n{words}\n")
    done = build(tmp_path / "site", tmp_path)
    assert done.returncode != 0
    assert told in done.stderr
