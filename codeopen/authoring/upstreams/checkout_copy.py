"""A copy of a checkout to work in, whose changes are laid into the checkout all together or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from codeopen.authoring.new_part.replacing import replace_file
from codeopen.authoring.upstreams.inventory import tracked_files
from codeopen.errors import UpstreamError


class CheckoutCopy:
    """A copy of all files that git tracks in a checkout, in the folder ``root``, and their content at the start."""

    def __init__(self, checkout: Path, root: Path) -> None:
        self._checkout = checkout
        self.root = root
        self.paths = tracked_files(checkout)
        self._before: dict[str, bytes | None] = {}
        for path in self.paths:
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / path, target, follow_symlinks=False)
            self._before[path] = _content(target)

    def changed(self) -> tuple[str, ...]:
        """The files whose content is another than at the start, or than was laid into the checkout since."""
        return tuple(path for path in self.paths if _content(self.root / path) != self._before[path])

    def lay(self, paths: Sequence[str]) -> None:
        """Put these files into the checkout. Raises UpstreamError; none of them is changed then."""
        for path in paths:
            if _content(self._checkout / path) != self._before[path]:
                raise UpstreamError(f"{path}: someone else has changed it meanwhile; run this again")
        try:
            for path in paths:
                self._replace(path, _content(self.root / path))
        except BaseException as error:
            for path in paths:
                self._replace(path, self._before[path])
            if isinstance(error, OSError):
                raise UpstreamError(f"{error.filename}: can't be written ({error.strerror}); give it room") from error
            raise
        self._before |= {path: _content(self.root / path) for path in paths}

    def set_back(self) -> None:
        """Make the copy again what it was before the changes that aren't laid into the checkout."""
        for path in self.changed():
            content = self._before[path]
            if content is not None:
                (self.root / path).write_bytes(content)

    def _replace(self, path: str, content: bytes | None) -> None:
        file = self._checkout / path
        if content is not None:
            replace_file(file, content, file.with_name(f".{file.name}.part"))


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None
