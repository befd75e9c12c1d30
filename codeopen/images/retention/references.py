"""Lists of images that are kept: of projects, whether they run or hibernate, and whatever else somebody lists.

A list is a file with a reference a line (``#`` begins a comment), or JSON: an array of references, an object of
references by project, or the outputs of a stack (``pulumi stack output --json``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from codeopen.images.retention.stored import RetentionError

_REFERENCE: Final = re.compile(
    r"(?:(?P<host>localhost|[^/\s]*[.:][^/\s]*)/)?(?P<repository>[a-z0-9][a-z0-9._/-]*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Reference:
    """An image to keep, by its digest, or by what its tag names now; ``why`` is for people.

    The registry's name is not part of it: the same registry has other names inside a cluster.
    """

    repository: str
    tag: str
    digest: str
    why: str

    def may_be_in(self, repository: str) -> bool:
        """Whether it names an image of this repository, also through a proxy, which puts its own path before that."""
        return self.repository == repository or self.repository.endswith(f"/{repository}")

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.tag}"


def parse_reference(text: str, why: str) -> Reference:
    """A reference as ``localhost:5000/codeopen/codeopen-js@sha256:…``. Raises RetentionError."""
    match = _REFERENCE.fullmatch(text)
    if match is None or not (match["tag"] or match["digest"]):
        raise RetentionError(f"{text!r} does not name an image; write repository:tag or repository@sha256:…")
    return Reference(match["repository"], match["tag"] or "", match["digest"] or "", why)


def read_references(file: Path, kind: str) -> tuple[Reference, ...]:
    """The references of a file; ``kind`` says what they are, as ``project``. Raises RetentionError."""
    try:
        text = file.read_text(encoding="utf-8")
        pairs = list(_of_json(json.loads(text)) if text.lstrip()[:1] in {"[", "{"} else _of_lines(text))
        return tuple(parse_reference(reference, f"{kind} {name}".strip()) for name, reference in pairs)
    except OSError as error:
        raise RetentionError(f"{file}: it can't be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RetentionError(
            f"{file}: it is no list of images ({error!r}); write one a line, or JSON as `pulumi stack output --json`"
        ) from error
    except RetentionError as error:
        raise RetentionError(f"{file}: {error}") from None


def _of_lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if reference := line.partition("#")[0].strip():
            yield "", reference


def _of_json(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        yield from (("", _text(reference)) for reference in value)
        return
    for name, entry in value.get("projects", value).items():
        if isinstance(entry, dict) and entry.get("state") == "removed":
            continue  # its image is looked up again when it comes back
        # A stack's project says its image's tag; where it says the digest as well, that is what runs.
        yield name, _text((entry.get("reference") or entry["image"]) if isinstance(entry, dict) else entry)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
