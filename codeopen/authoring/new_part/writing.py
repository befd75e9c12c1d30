"""Writes a new part into a checkout: all of it, or nothing when the catalog would not be valid with it."""

from __future__ import annotations

import shutil
from pathlib import Path

from codeopen.authoring.new_part.draft import NewPart, described
from codeopen.authoring.new_part.readmes import read_readmes, write_readmes
from codeopen.authoring.new_part.replacing import replace_file
from codeopen.errors import CatalogError, ScaffoldError
from codeopen.model.catalog.read import read_catalog


def write_part(new: NewPart, catalog: Path, checkout: Path) -> None:
    """Append the entry and write the folder, its README with what it repeats of the catalog.

    Raises ScaffoldError; what was there before is there again then.
    """
    folder = checkout / new.directory
    if folder.exists():
        raise ScaffoldError(f"{described(new.part)}: {folder} is there already; remove it, or choose another id")
    file = catalog / new.catalog_file
    part = file.with_suffix(".part")
    before = file.read_bytes()
    try:
        folder.mkdir(parents=True)
        for name, text in new.files.items():
            (folder / name).write_text(text, encoding="utf-8")
        replace_file(file, before.rstrip(b"\n") + b"\n" + new.entry.encode(), part)
        write_readmes(read_readmes(read_catalog(catalog), checkout, [new.part]), checkout)
    except BaseException as error:
        replace_file(file, before, part)
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, CatalogError):
            raise ScaffoldError(
                f"{described(new.part)}: nothing was added, the catalog would be wrong with it\n{error}"
            ) from None
        raise
