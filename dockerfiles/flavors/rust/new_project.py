#!/usr/bin/python3
"""new_project.py DIRECTORY: starts a project with the framework whose name it is called by. Run by codeopen-new.

The crates that it needs are copied into the user's cache, where Cargo looks before it asks the registry.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from crate_index import IndexFile, LockedCrate, locked_crates

HERE = Path(__file__).resolve().parent


def project_name(directory: Path, taken: set[str]) -> str:
    """Make a crate's name of a folder's name; it must differ from the names of the crates that it uses."""
    name = re.sub(r"[^a-z0-9_-]", "-", directory.name.lower()).strip("-") or "project"
    if not name[0].isalpha():
        name = f"project-{name}"
    return f"{name}-app" if name in taken else name


def rename(directory: Path, name: str) -> None:
    """Name the project in its manifest and in its lock file, whose packages are sorted by name."""
    manifest = directory / "Cargo.toml"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('name = "starter"', f'name = "{name}"', 1))
    lock = directory / "Cargo.lock"
    head, *packages = lock.read_text(encoding="utf-8").rstrip("\n").split("\n\n")
    packages = [package.replace('name = "starter"', f'name = "{name}"') for package in packages]
    packages.sort(key=lambda package: package.split('"', 2)[1])
    lock.write_text("\n\n".join([head, *packages]) + "\n", encoding="utf-8")


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file in one step, because Cargo may be reading it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(data)
    part.replace(path)


def fill_cache(crates: list[LockedCrate], source: Path, target: Path) -> None:
    """Add to the user's cache what it lacks. What it already has may know more versions, and stays."""
    for archives in (source / "cache").iterdir():
        for crate in crates:
            archive = archives / crate.archive
            cached = target / "cache" / archives.name / crate.archive
            if not cached.exists():
                write_whole(cached, archive.read_bytes())
    for index in (source / "index").iterdir():
        configuration = target / "index" / index.name / "config.json"
        if not configuration.exists():
            write_whole(configuration, (index / "config.json").read_bytes())
        for crate in crates:
            entry = Path("index", index.name, ".cache", crate.index_path)
            known = IndexFile.parse((source / entry).read_bytes())
            if (target / entry).exists():
                known = IndexFile.parse((target / entry).read_bytes()).completed_by(known)
            write_whole(target / entry, known.render())


def main(framework: str, directory: Path) -> None:
    """Copy the starter, name it after its folder, and fill the cache."""
    shutil.copytree(HERE / "starters" / framework, directory, dirs_exist_ok=True)
    crates = locked_crates((directory / "Cargo.lock").read_text(encoding="utf-8"))
    rename(directory, project_name(directory, {crate.name for crate in crates}))
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    fill_cache(crates, HERE / "registry", home / "registry")


if __name__ == "__main__":
    main(Path(sys.argv[0]).name, Path(sys.argv[1]).resolve())
