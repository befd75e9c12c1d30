"""Stand-ins for programs: small shell scripts in a folder that comes first on PATH."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


class StandIns:
    """Each stand-in notes how it was called in ``calls``, then runs the body that the test gives it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._calls = folder / "calls"
        folder.mkdir(parents=True)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def put(self, program: str, body: str = "") -> Path:
        """Make a stand-in for a program; ``$1`` and so on are its arguments, ``$HERE`` is this folder."""
        file = self.folder / program
        note = f"printf '%s\\n' '{program} '\"$*\" >>'{self._calls}'"
        file.write_text(f"#!/bin/sh\n# Stand-in for {program}, made by a test.\nHERE='{self.folder}'\n{note}\n{body}\n")
        file.chmod(0o755)
        return file

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines() if self._calls.exists() else []

    def forget(self) -> None:
        self._calls.unlink(missing_ok=True)
