"""The subset of ``.dockerignore`` that build contexts here may use, with Docker's meaning of it.

Comments, ``*``, ``?``, ``**`` and ``!``; a pattern is anchored at the context's root and also takes everything below
what it matches; the last pattern that matches decides. Character classes and escapes are refused.
Source: Docker documentation, "Build context", ".dockerignore files".
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Final

from codeopen.errors import ContextError

_UNSUPPORTED: Final = re.compile(r"[\[\]\\]")
_TOKEN: Final = re.compile(r"\*\*/|\*\*|\*|\?|[^*?]+")
_WILDCARDS: Final = {"**/": r"(?:.*/)?", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """Patterns in their order, each with whether it takes files back in (``!``)."""

    patterns: tuple[tuple[re.Pattern[str], bool], ...]

    def excludes(self, path: str) -> bool:
        """Whether a file or folder, by its path relative to the context, stays out of the context."""
        parts = path.split("/")
        itself_and_folders = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
        excluded = False
        for pattern, takes_back in self.patterns:
            if any(pattern.fullmatch(candidate) for candidate in itself_and_folders):
                excluded = not takes_back
        return excluded

    def excludes_all_of(self, folder: str) -> bool:
        """Whether nothing below a folder can be in the context, so that there is no need to look into it."""
        return self.excludes(folder) and not any(takes_back for _, takes_back in self.patterns)


def parse_ignore(text: str, file: str) -> IgnoreRules:
    """Read the text of a ``.dockerignore``; ``file`` names it in errors. Raises ContextError."""
    patterns = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        if line.startswith("#") or not line.strip():
            continue
        written = line.strip()
        takes_back = written.startswith("!")
        pattern = posixpath.normpath(written.removeprefix("!").strip() or ".").lstrip("/")
        if _UNSUPPORTED.search(pattern):
            raise ContextError(
                f"{file}:{number}: {written!r} uses [, ] or \\, which are not supported here; use *, ?, ** and !"
            )
        if pattern in {"", "."} or pattern.startswith(".."):
            raise ContextError(f"{file}:{number}: {written!r} names nothing inside the context; name a file or folder")
        patterns.append((_compile(pattern), takes_back))
    return IgnoreRules(tuple(patterns))


def _compile(pattern: str) -> re.Pattern[str]:
    tokens = (_WILDCARDS.get(token, re.escape(token)) for token in _TOKEN.findall(pattern))
    return re.compile("".join(tokens), re.DOTALL)
