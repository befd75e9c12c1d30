"""The files of this repository, by what git knows: a checkout that was worked in holds more, as ``node_modules``."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.live import ROOT


def tracked(folder: Path, name: str) -> list[Path]:
    """The files of that name below a folder of the checkout, also new ones that git is not told to ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", f"{folder}/{name}"]
    command.append(f"{folder}/**/{name}")
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted({path for line in listed.split("\0") if line and (path := ROOT / line).is_file()})
