"""Hooks of MkDocs: pages that lie elsewhere in the repository, and links from a page to files that are no pages.

On GitHub the same links work as they stand.
"""

from __future__ import annotations

import os.path
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

CHECKOUT: Final = Path(__file__).parents[2]
_DOCS: Final = CHECKOUT / "docs"
_LINK: Final = re.compile(r"(\]\()([^)#:\s]+)(#[^)\s]*)?\)")


def _elsewhere() -> dict[Path, str]:
    """The site's pages that are not in docs, by file: the address each has in the site."""
    parts = [*sorted(CHECKOUT.glob("dockerfiles/*/*/README.md")), CHECKOUT / "dockerfiles/base/README.md"]
    named = {file: f"parts/{file.parent.name}.md" for file in parts if "substitutes" not in file.parts}
    top = {CHECKOUT / f"{name}.md": f"{name.lower()}.md" for name in ("CONTRIBUTING", "CHANGELOG", "SECURITY")}
    return {CHECKOUT / "README.md": "index.md", **named, **top}


def on_config(config: MkDocsConfig) -> None:
    """Parts and decisions are listed as there are."""
    sections: list[Any] = config.nav or []
    parts = sorted(address for address in _elsewhere().values() if address.startswith("parts/"))
    decisions = [f"adr/{file.name}" for file in sorted((_DOCS / "adr").glob("0*.md"))]
    sections += [{"Parts": parts}, {"Decisions": ["adr/README.md", *decisions]}]


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Take the pages in that lie elsewhere."""
    for file, address in _elsewhere().items():
        files.append(File.generated(config, address, abs_src_path=str(file)))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to other pages' addresses, and those to files that are no pages to the repository."""
    del files
    elsewhere = _elsewhere()
    folder = Path(page.file.abs_src_path or "").parent
    here = (_DOCS / page.file.src_uri).parent

    def lead(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(folder / link[2]))
        if target in elsewhere:
            target = _DOCS / elsewhere[target]
        if target.is_relative_to(_DOCS):
            return f"{link[1]}{os.path.relpath(target, here)}{link[3] or ''})"
        return f"{link[1]}{config.extra['repository']}/blob/main/{target.relative_to(CHECKOUT)}{link[3] or ''})"

    return _LINK.sub(lead, markdown)
