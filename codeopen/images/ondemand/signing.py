"""What is run on an image before it gets its tags: signing and attesting it. Nobody finds an image that it refused."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from typing import Final

from codeopen.environment.children import run
from codeopen.errors import OnDemandError
from codeopen.images.ondemand.events import Event, Step, Tell

# Takes ``host/repository@digest``; its failure is a CodeOpenError.
Hook = Callable[[str], None]
_SECONDS: Final = 300


def command_hook(command: str, where: str) -> Hook | None:
    """Runs a command with the reference as its last argument; none for an empty text. Raises OnDemandError.

    ``where`` says in errors who gave the command. Its secrets come from variables or files: others read command lines.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise OnDemandError(f"{where}: {command!r} is no command ({error}); write it as for a shell") from error
    return (lambda reference: _run(words, reference, where)) if words else None


def sign(hook: Hook | None, reference: str, tell: Tell) -> None:
    """Run the hook, if there is one, on an image that has no tags yet. Raises CodeOpenError where it fails."""
    if hook:
        subject = reference.partition("@")[0].rpartition("/")[2]
        tell(Event(Step.SIGNING, subject, f"signing {reference}"))
        hook(reference)


def _run(words: list[str], reference: str, where: str) -> None:
    try:
        # Standard output is the caller's: it holds references, or a plugin's protocol.
        done = run([*words, reference], stdout=sys.stderr, stderr=None, seconds=_SECONDS)
    except OSError as error:
        raise OnDemandError(f"{where}: {words[0]} can't be started ({error.strerror})") from error
    except subprocess.TimeoutExpired as error:
        raise OnDemandError(f"{where}: {words[0]} took longer than {_SECONDS} s") from error
    if done.returncode:
        raise OnDemandError(
            f"{where}: {words[0]} failed on {reference} (exit code {done.returncode}); nothing is tagged"
        )
