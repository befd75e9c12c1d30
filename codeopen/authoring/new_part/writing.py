"""Writes a new add-on into a checkout: all of it, or nothing when the catalog would not be valid with it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from codeopen.authoring.new_part.addon import NewAddon
from codeopen.authoring.new_part.readmes import read_readmes, write_readmes
from codeopen.authoring.new_part.replacing import replace_file
from codeopen.errors import CatalogError, ScaffoldError
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.parts import PartId, PartKind

_FILE: Final = "addons.yaml"


def write_addon(new: NewAddon, catalog: Path, checkout: Path) -> None:
    """Append the entry and write the folder, its README with what it repeats of the catalog.

    Raises ScaffoldError; what was there before is there again then.
    """
    folder = checkout / new.directory
    if folder.exists():
        raise ScaffoldError(f"add-on {new.id!r}: {folder} is there already; remove it, or choose another id")
    file = catalog / _FILE
    part = file.with_suffix(".part")
    before = file.read_bytes()
    try:
        folder.mkdir(parents=True)
        for name, text in new.files.items():
            (folder / name).write_text(text, encoding="utf-8")
        replace_file(file, before.rstrip(b"\n") + b"\n" + new.entry.encode(), part)
        write_readmes(read_readmes(read_catalog(catalog), checkout, [PartId(PartKind.ADDON, new.id)]), checkout)
    except BaseException as error:
        replace_file(file, before, part)
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, CatalogError):
            raise ScaffoldError(
                f"add-on {new.id!r}: nothing was added, the catalog would be wrong with it\n{error}"
            ) from None
        raise
