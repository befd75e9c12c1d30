"""Copies build contexts to where a build provider reads them, with exact modes and times.

Providers compare the modes of a context's files, so a checkout under another umask would look changed; BuildKit keeps
modification times in the layers it copies files to. The staged copy holds exactly the files of the plan's ``Context``,
as 0644, 0755 (executable files and folders) and links, each with a time that its content decides.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from codeopen.errors import ContextError
from codeopen.model.plan.context import Context, ContextFile

CONTEXTS: Final = ".codeopen/contexts"  # where a checkout has its staged contexts
_FILE_MODE: Final = 0o644
_EXECUTABLE_MODE: Final = 0o755
_FOLDER_MODE: Final = 0o755
_FOLDER_TIME: Final = 4102444800  # the year 2100
_TIME_DIGITS: Final = 8
_TIME_RANGE: Final = 1 << 30  # seconds


def stage_context(context: Context, source: Path, target: Path) -> None:
    """Make ``target`` hold exactly the context that was read from ``source``.

    Writes only what differs, each file in one step, and removes everything else below ``target``, which must be a
    folder of its own outside of ``source``. Raises ContextError when the source changed since it was read.
    """
    real_source, real_target = source.resolve(), target.resolve()
    if real_target == real_source or real_source in real_target.parents or real_target in real_source.parents:
        raise ContextError(f"{target}: can't be the staged copy of {source}, one lies in the other; stage it elsewhere")
    files = {file.path: file for file in (context.dockerfile, *context.files)}
    folders = {parent.as_posix() for path in files for parent in Path(path).parents}
    target.mkdir(parents=True, exist_ok=True)
    _remove_others(target, files, folders)
    for folder in sorted(folders):
        (target / folder).mkdir(exist_ok=True)
        if stat.S_IMODE((target / folder).stat().st_mode) != _FOLDER_MODE:
            (target / folder).chmod(_FOLDER_MODE)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as workspace:
        for file in files.values():
            if not _is_staged(file, target / file.path):
                _write(file, source / file.path, target / file.path, Path(workspace) / "file")
    _set_times(target, {path: file.digest for path, file in files.items()}, folders)


def stage_text(name: str, text: str, target: Path) -> None:
    """Make the folder ``target`` hold one text file and nothing else, with the modes and times of a staged context."""
    content = text.encode()
    file = ContextFile(name, _digest(content), len(content), executable=False)
    target.mkdir(parents=True, exist_ok=True)
    _remove_others(target, {name: file}, {"."})
    target.chmod(_FOLDER_MODE)
    if not _is_staged(file, target / name):
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as workspace:
            temporary = Path(workspace) / "file"
            temporary.write_bytes(content)
            temporary.chmod(_FILE_MODE)
            temporary.replace(target / name)
    _set_times(target, {name: file.digest}, {"."})


def _set_times(target: Path, digests: Mapping[str, str], folders: set[str]) -> None:
    """Give each file a time between 1970 and 2004 that follows from its content, and folders one in the future.

    BuildKit gives a folder the time of now when it takes over a change below it, and the one here when it takes it over
    anew. Both are later than what the export bounds times by, and become the same.

    One fixed time for all would be a trap: BuildKit takes a file of the same size and time as unchanged and builds with
    the bytes that it had before.
    """
    for path, digest in digests.items():
        seconds = int(digest.removeprefix("sha256:")[:_TIME_DIGITS], 16) % _TIME_RANGE
        os.utime(target / path, (seconds, seconds), follow_symlinks=False)
    for folder in folders:
        os.utime(target / folder, (_FOLDER_TIME, _FOLDER_TIME))


def _remove_others(target: Path, files: Mapping[str, ContextFile], folders: set[str]) -> None:
    """Remove what is not of the context, and whatever stands where something of another kind must go."""
    for path in sorted(target.rglob("*"), reverse=True):
        relative = path.relative_to(target).as_posix()
        if path.is_dir() and not path.is_symlink():
            if relative not in folders:
                shutil.rmtree(path)
        elif relative not in files:
            path.unlink()


def _is_staged(file: ContextFile, path: Path) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    if file.link is not None:
        return stat.S_ISLNK(found.st_mode) and str(path.readlink()) == file.link
    as_it_should_be = (stat.S_IFREG | _mode(file), file.size)
    return (found.st_mode, found.st_size) == as_it_should_be and _digest(path.read_bytes()) == file.digest


def _write(file: ContextFile, source: Path, target: Path, temporary: Path) -> None:
    if file.link is not None:
        temporary.symlink_to(file.link)
    else:
        try:
            content = source.read_bytes()
        except OSError as error:
            raise ContextError(f"{source}: can't be read any more ({error.strerror}); run again") from error
        if _digest(content) != file.digest:
            raise ContextError(f"{source}: changed while the plan was being made; run again")
        temporary.write_bytes(content)
        temporary.chmod(_mode(file))
    temporary.replace(target)


def _mode(file: ContextFile) -> int:
    return _EXECUTABLE_MODE if file.executable else _FILE_MODE


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
