"""Where the files beside the catalog are: VERSION and the build contexts."""

from __future__ import annotations

import argparse
from pathlib import Path

from codeopen.errors import NoSuchEntryError
from codeopen.model.selection.name import Release


def checkout_of(catalog: Path) -> Path:
    """The folder that the catalog's folder lies in; relative where the catalog's path is, for short error texts."""
    return catalog.parent if catalog.name not in {"", ".."} else catalog.resolve().parent


def read_version(catalog: Path) -> str:
    """The image version in the file VERSION beside the catalog. Raises NoSuchEntryError."""
    file = checkout_of(catalog) / "VERSION"
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise NoSuchEntryError(
            f"{file}: the image version can't be read ({cause}); write it there or pass --version"
        ) from error


def release_from(options: argparse.Namespace, catalog: Path) -> Release:
    """The release that the options name, with the version from the file VERSION unless one is given."""
    version = options.version if options.version is not None else read_version(catalog)
    return Release(options.registry, options.owner, version)
