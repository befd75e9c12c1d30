"""A checkout on a machine that writes CRLF has the same bytes: digests hang on them, and scripts would not run."""

from __future__ import annotations

import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
BINARY = b"\0"


def test_a_clone_with_autocrlf_has_the_committed_bytes(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    # The attributes of the working tree, which may not be committed yet.
    options = (
        "-c",
        "core.autocrlf=true",
        "-c",
        "core.eol=crlf",
        "-c",
        f"core.attributesFile={CHECKOUT}/.gitattributes",
    )
    _git(CHECKOUT, *options, "clone", "--quiet", "--depth", "1", f"file://{CHECKOUT}", str(clone))
    tracked = _git(clone, "ls-files", "-z").split("\0")[:-1]
    files = [clone / name for name in tracked if not (clone / name).is_symlink()]
    assert len(files) > 100
    assert [file.relative_to(clone).as_posix() for file in files if _has_carriage_returns(file)] == []


def test_no_committed_file_has_carriage_returns() -> None:
    rows = _git(CHECKOUT, "ls-files", "--eol").splitlines()
    assert [row for row in rows if row.startswith(("i/crlf", "i/mixed"))] == []


def _has_carriage_returns(file: Path) -> bool:
    content = file.read_bytes()
    return BINARY not in content and b"\r\n" in content


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout
