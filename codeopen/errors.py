"""The errors of the core: typed values that say what, where, why and what to do.

Nothing here prints or exits; ``codeopen.cli.main`` is the one place that does.
"""

from __future__ import annotations

from dataclasses import dataclass


class CodeOpenError(Exception):
    """A mistake that a person can put right. Its text is complete: no traceback is needed to act on it."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a file of the catalog; ``line`` and ``column`` count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in the catalog, and what to do about it."""

    place: Place
    key_path: str
    what: str
    fix: str

    def __str__(self) -> str:
        key_path = f" {self.key_path}:" if self.key_path else ""
        return f"{self.place}:{key_path} {self.what}; {self.fix}"


class CatalogError(CodeOpenError):
    """The catalog can't be used; ``problems`` holds every reason at once, ordered by place."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class NoSuchEntryError(CodeOpenError):
    """The catalog has no entry of an id."""


class QuantityError(CodeOpenError):
    """A text is not a quantity of CPU or memory."""


class ImageNameError(CodeOpenError):
    """A text is not the name of an image of this catalog; ``message`` says why, ``fix`` what to do."""

    def __init__(self, message: str, fix: str) -> None:
        self.message = message
        self.fix = fix
        super().__init__(f"{message}; {fix}")


class PlanError(CodeOpenError):
    """A plan can't be made: an unknown upstream or platform, a check that can't be written down."""


class ContextError(CodeOpenError):
    """A part's build context can't be read: a missing Dockerfile, a link that leaves it, an unusable name."""


class SettingsError(CodeOpenError):
    """A value of a stack's configuration can't be used."""


class ProjectError(CodeOpenError):
    """A stack declares projects that can't be had: a reason a line."""


class DeployError(CodeOpenError):
    """The Pulumi CLI could not do what it was asked for; the text ends with the last lines of its log."""


class NoSuchStackError(DeployError):
    """The backend has no stack of the name."""


class StackInUseError(DeployError):
    """Another run holds the stack's lock; nothing was done."""


class RunFailedError(DeployError):
    """A run of the Pulumi CLI failed: ``errors`` is what it said, each error with all of its lines."""

    def __init__(self, text: str, errors: tuple[str, ...]) -> None:
        self.errors = errors
        super().__init__(text)


class ClusterError(CodeOpenError):
    """A cluster can't be asked, or doesn't do what it was asked for."""


class RegistryError(CodeOpenError):
    """A registry does not answer as the distribution specification says."""


class UnknownBlobError(RegistryError):
    """A manifest names what its repository doesn't have: not yet, or no more."""


class RevisionError(CodeOpenError):
    """A git revision of the checkout can't be read: no git, no such revision, or a catalog that can't be used."""


class ComposeError(CodeOpenError):
    """Parts that can't be composed as they are, or a layer that can't be read."""


class BuildError(CodeOpenError):
    """An image can't be built; the text ends with the last lines of the build's log."""


class OnDemandError(CodeOpenError):
    """A combination can't be had now: someone else's build failed a moment ago, or it took too long."""


class NothingBuiltError(OnDemandError):
    """A part is missing, and this caller builds nothing; another one may."""


class VerifyError(CodeOpenError):
    """An image can't be verified: the Docker Engine doesn't answer, or a container can't be started."""


class TrialError(CodeOpenError):
    """Parts can't be tried: no free port, or an image that the stack did not make."""


class ScaffoldError(CodeOpenError):
    """A new part can't be started: an id that can't be had, or a catalog that would be wrong with it."""


class ReadmeError(CodeOpenError):
    """A part's README can't be brought up to date by a program: a person has to put something right first."""


class UpstreamError(CodeOpenError):
    """A pin or a lock file can't be read or renewed: no such upstream, no tool, or a registry that lacks it."""


class CapacityError(CodeOpenError):
    """No machine of the catalog can hold what is asked for, or a GPU pool is declared as it can't be."""


class CloudSdkError(CodeOpenError):
    """The SDK of a cloud isn't installed; the text says how to install it."""
