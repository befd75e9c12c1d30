"""Files of a cache: read if they are there, written so that others see them whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from codeopen.errors import ComposeError


def read_file(file: Path) -> bytes | None:
    """A file's content, or nothing. Raises ComposeError for one that can't be read."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ComposeError(f"{file}: it can't be read ({error.strerror}); delete it") from error


def write_file(file: Path, content: bytes) -> None:
    """Write a file in one step. Raises ComposeError where that can't be done."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(descriptor, "wb") as temporary:
            temporary.write(content)
        Path(name).replace(file)
    except OSError as error:
        raise ComposeError(
            f"{file}: it can't be written ({error.strerror}); the cache needs a writable folder"
        ) from error
