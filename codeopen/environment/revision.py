"""Reads folders of this checkout as they are in another git revision, without touching the working tree."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from codeopen.environment.children import run
from codeopen.errors import RevisionError, UnknownRevisionError


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision as a person named it, and the commit that it is."""

    name: str
    commit: str


def resolve_revision(checkout: Path, name: str) -> Revision:
    """The commit of a revision. Raises RevisionError outside of a git checkout and for an unknown revision."""
    inside = _git(checkout, "rev-parse", "--is-inside-work-tree")
    if inside.returncode or inside.stdout.strip() != "true":
        cause = _last_line(inside) or "a folder of git's own"
        raise RevisionError(
            f"{checkout.resolve()}: is not a git checkout ({cause}); leave out --since, or clone with git"
        )
    found = _git(checkout, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if found.returncode:
        raise UnknownRevisionError(
            f"revision {name!r}: git knows no such commit here; name a commit, branch or tag of `git log --all`; a "
            "shallow clone must fetch it first"
        )
    return Revision(name, found.stdout.strip())


@contextmanager
def extracted(checkout: Path, revision: Revision, folders: Sequence[str]) -> Iterator[Path]:
    """A temporary folder with those of the checkout's folders that the revision has. Raises RevisionError."""
    listed = _checked(revision, _git(checkout, "ls-tree", "-z", "--name-only", revision.commit, "--", *folders))
    present = [folder for folder in folders if folder in listed.split("\0")]
    with tempfile.TemporaryDirectory(prefix="codeopen-revision-") as temporary:
        target = Path(temporary).resolve() / "checkout"
        target.mkdir()
        if present:
            archive = target.with_name("archive.tar")
            # A fixed mask: git takes the user's own for modes otherwise.
            words = ("-c", "tar.umask=0022", "archive", "--format=tar", f"--output={archive}", revision.commit)
            _checked(revision, _git(checkout, *words, "--", *present))
            _unpack(revision, archive, target)
        yield target


def _unpack(revision: Revision, archive: Path, target: Path) -> None:
    # GNU tar refuses members that leave the folder; Python's own extraction has such a filter only from 3.11.4 on.
    command = ["tar", "--extract", "--no-same-owner", f"--file={archive}", f"--directory={target}"]
    done = run(command)
    if done.returncode:
        raise RevisionError(f"revision {revision.name!r}: {_last_line(done)}; name a revision without it")


def _checked(revision: Revision, done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode:
        raise RevisionError(
            f"revision {revision.name!r}: git can't read it ({_last_line(done)}); `git fsck` says if the clone is whole"
        )
    return done.stdout


def _git(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    try:
        return run(["git", *words], cwd=checkout, errors="surrogateescape")
    except FileNotFoundError as error:
        raise RevisionError("git is not on PATH; install it, or leave out --since") from error


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else ""
