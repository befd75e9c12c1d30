"""Which exit code a failure has, so that scripts can tell what kind it is.

0 done · 1 what was run failed · 2 wrong usage · 3 something would change (``--check``) · 4 invalid input
5 not found · 6 conflict · 7 another system failed · 128 + N ended by signal N (130: Ctrl-C)
"""

from __future__ import annotations

from typing import Final

from codeopen.errors import (
    BuildError,
    CapacityError,
    CatalogError,
    CloudSdkError,
    ClusterError,
    CodeOpenError,
    ContextError,
    DeployError,
    ImageNameError,
    NoSuchEntryError,
    NoSuchStackError,
    PlanError,
    ProjectError,
    QuantityError,
    ReadmeError,
    RegistryError,
    RevisionError,
    RunFailedError,
    ScaffoldError,
    SettingsError,
    StackInUseError,
    UnknownBlobError,
    UpstreamError,
)

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
WOULD_CHANGE: Final = 3
INVALID: Final = 4
NOT_FOUND: Final = 5
CONFLICT: Final = 6
EXTERNAL: Final = 7
SIGNALLED: Final = 128

# The first row that an error belongs to counts: what is special stands before what is general.
_CLASSES: Final[tuple[tuple[int, tuple[type[CodeOpenError], ...]], ...]] = (
    (NOT_FOUND, (NoSuchEntryError, NoSuchStackError, RevisionError, UnknownBlobError)),
    (CONFLICT, (StackInUseError,)),
    (FAILED, (RunFailedError,)),
    (
        INVALID,
        (
            CapacityError,
            CatalogError,
            ContextError,
            ImageNameError,
            PlanError,
            ProjectError,
            QuantityError,
            ReadmeError,
            ScaffoldError,
            SettingsError,
        ),
    ),
    (EXTERNAL, (BuildError, CloudSdkError, ClusterError, DeployError, RegistryError, UpstreamError)),
)


def exit_code_of(error: CodeOpenError) -> int:
    """The exit code that tells a failure's kind; FAILED for what has none of its own."""
    return next((code for code, classes in _CLASSES if isinstance(error, classes)), FAILED)
