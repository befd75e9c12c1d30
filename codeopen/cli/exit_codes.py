"""Which exit code a run has, so that scripts can tell what kind of failure it was.

MEANINGS is what docs/reference/commands.md says of them.
"""

from __future__ import annotations

import signal
from typing import Final

from codeopen.errors import CodeOpenError, Failing

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
WOULD_CHANGE: Final = 3
INVALID: Final = 4
NOT_FOUND: Final = 5
CONFLICT: Final = 6
EXTERNAL: Final = 7
SIGNALLED: Final = 128
INTERRUPTED: Final = SIGNALLED + 2

MEANINGS: Final = (
    (DONE, "done"),
    (FAILED, "what was run failed, e.g. a build, a verification or an update of a stack"),
    (USAGE, "wrong usage: an unknown command or option, or one that is missing"),
    (WOULD_CHANGE, "`upstream update --check` found something that would move"),
    (INVALID, "invalid input, e.g. a catalog, a setting or a selection that can't be used"),
    (NOT_FOUND, "not found, e.g. a part, a project, a stack or a file"),
    (CONFLICT, "conflict: another run holds it, or a release has its name"),
    (EXTERNAL, "another system failed, e.g. a registry, a cluster, Docker or the disk"),
    (INTERRUPTED, "interrupted by Ctrl-C"),
    (
        SIGNALLED + signal.SIGPIPE,
        "the output's reader went away while the command worked (129: its terminal)",
    ),
    (SIGNALLED + signal.SIGTERM, "ended by SIGTERM; other signals likewise give 128 and their number"),
)

_OF: Final = {
    Failing.WORK: FAILED,
    Failing.USAGE: USAGE,
    Failing.INPUT: INVALID,
    Failing.MISSING: NOT_FOUND,
    Failing.CONFLICT: CONFLICT,
    Failing.EXTERNAL: EXTERNAL,
}


def exit_code_of(error: CodeOpenError | OSError) -> int:
    """The exit code that tells a failure's kind."""
    if isinstance(error, CodeOpenError):
        return _OF[error.failing]
    return NOT_FOUND if isinstance(error, FileNotFoundError | NotADirectoryError) else EXTERNAL
