"""Remove what the Azure CLI never imports from the management libraries of the environment that this is run in.

Those are the asynchronous clients (`aio`), and the API versions that neither the CLI nor a library's own default names.
"""

import importlib
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import azure.mgmt
from azure.cli.core.profiles import AD_HOC_API_VERSIONS, AZURE_API_PROFILES

FOLDER = re.compile(r"v\d{4}_\d{2}_\d{2}(?:_preview)?")
ARGUMENT = re.compile(r"api_version ?= ?[\"'](\d{4}-\d{2}-\d{2}(?:-preview)?)[\"']")


def remove_async_clients(root: Path) -> None:
    """Remove each `aio` folder below `root`: the CLI makes synchronous calls only."""
    for folder in sorted(root.rglob("aio")):
        shutil.rmtree(folder)


def versions_of(library: Path) -> list[Path]:
    """Return the folders of a library's API versions."""
    return sorted(entry for entry in library.iterdir() if entry.is_dir() and FOLDER.fullmatch(entry.name))


def libraries_with_versions(root: Path) -> Iterator[Path]:
    """Yield the folder of each library that holds several API versions side by side."""
    for folder in sorted({entry.parent for entry in root.rglob("v20*_*_*") if FOLDER.fullmatch(entry.name)}):
        if len(versions_of(folder)) > 1:
            yield folder


def folders_of(table: Any) -> set[str]:
    """Return the folders of an entry in a table of versions: one version, or one for each group of operations."""
    if table is None:
        return set()
    versions = [table] if isinstance(table, str) else table.profile.values()
    return {"v" + version.replace("-", "_") for version in versions}


def named_by_library(library: Path, module: str) -> set[str]:
    """Return the folders that a library uses when its caller names no version."""
    used: set[str] = set()
    for client in vars(importlib.import_module(module)).values():
        for operations in getattr(getattr(client, "LATEST_PROFILE", None), "get_profile_dict", dict)().values():
            used |= {"v" + version.replace("-", "_") for version in operations.values()}
    models = library / "models.py"
    return used | set(FOLDER.findall(models.read_text(encoding="utf-8")) if models.exists() else ())


def named_by_cli(module: str, source: str) -> set[str]:
    """Return the folders of a library that the CLI's tables name, and all that its source gives to any library."""
    used = set(re.findall(rf"{re.escape(module)}\.({FOLDER.pattern})", source))
    used |= {"v" + version.replace("-", "_") for version in ARGUMENT.findall(source)}
    for tables in AZURE_API_PROFILES.values():
        for resource, table in tables.items():
            used |= folders_of(table) if resource.import_prefix == module else set()
    for resource, exceptions in AD_HOC_API_VERSIONS.items():
        for version in exceptions.values() if resource.import_prefix == module else ():
            used |= folders_of(version)
    return used


def main() -> int:
    """Trim the environment and print what stays of each library; 1 when a library names no version of its own."""
    root = Path(next(iter(azure.mgmt.__path__)))
    remove_async_clients(root)
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted((root.parent / "cli").rglob("*.py")))
    for library in libraries_with_versions(root):
        module = "azure.mgmt." + ".".join(library.relative_to(root).parts)
        defaults = named_by_library(library, module)
        if not defaults:
            print(f"{module}: its default version was not found", file=sys.stderr)
            return 1
        used = defaults | named_by_cli(module, source)
        for version in versions_of(library):
            if version.name not in used:
                shutil.rmtree(version)
        print(module, *(version.name for version in versions_of(library)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
