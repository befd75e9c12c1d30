"""The project's Python environment, from a lock file with hashes."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from commands import run
from paths import Paths
from steps import Step

VENV_MISSING = "A Python environment can't be made: install Python 3.11+ with venv (`apt-get install python3-venv`)"


def step(paths: Paths) -> Step:
    lock = paths.checkout / "requirements.lock"
    mark = paths.venv / "codeopen.lock"
    python = paths.venv / "bin" / "python"
    wanted = lock_hash(paths)

    def already() -> str | None:
        there = python.exists() and mark.is_file() and mark.read_text() == wanted
        return "unchanged" if there else None

    def install() -> str:
        run([sys.executable, "-m", "venv", paths.venv], failure=VENV_MISSING)
        pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        run([*pip, "--require-hashes", "-r", lock], failure="The locked Python packages can't be installed")
        run(
            [*pip, "--no-deps", "--no-build-isolation", "--no-index", "--editable", paths.checkout],
            failure="The codeopen command can't be installed",
        )
        mark.write_text(wanted)
        return "installed from requirements.lock"

    return Step("Python packages", "install requirements.lock into .venv", already, install)


def lock_hash(paths: Paths) -> str:
    content = (paths.checkout / "requirements.lock").read_bytes() + (paths.checkout / "pyproject.toml").read_bytes()
    return hashlib.sha256(content + sys.version.encode() + str(paths.checkout).encode()).hexdigest()
