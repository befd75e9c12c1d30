"""Copies of the real catalog, changed by a test."""

from __future__ import annotations

import shutil
from pathlib import Path

from codeopen.errors import CatalogError, Problem
from codeopen.model.catalog.model import Catalog
from codeopen.model.catalog.read import read_catalog

ROOT = Path(__file__).parents[4]
REAL = ROOT / "catalog"


class Copy:
    """A copy of the real catalog in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.directory = folder / "catalog"
        shutil.copytree(REAL, self.directory)

    def text(self, name: str) -> str:
        return (self.directory / name).read_text("utf-8")

    def write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text, "utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace the first ``old`` of a file; one that is not there is a mistake of the test."""
        text = self.text(name)
        assert old in text, f"{name} has no {old!r}"
        self.write(name, text.replace(old, new, 1))

    def append(self, name: str, text: str) -> None:
        self.write(name, self.text(name).rstrip("\n") + "\n" + text)

    def read(self) -> Catalog:
        return read_catalog(self.directory)

    def problems(self) -> tuple[Problem, ...]:
        try:
            read_catalog(self.directory)
        except CatalogError as error:
            return error.problems
        return ()
