"""The errors of the core: typed values that say what, where, why and what to do.

Nothing here prints or exits; ``codeopen.cli.main`` is the one place that does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Failing(Enum):
    """What kind of failure an error is, for programs: the command line makes its exit code of it.

    ``WORK``: what was run failed. ``USAGE``: options don't go together. ``INPUT``: what was given can't be used.
    ``MISSING``: what was named isn't there. ``CONFLICT``: somebody else holds it. ``EXTERNAL``: another system failed.
    """

    WORK = "work"
    USAGE = "usage"
    INPUT = "input"
    MISSING = "missing"
    CONFLICT = "conflict"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class FieldReason:
    """One reason why a request can't be done: a stable code, the field, what is wrong, and what makes it possible."""

    code: str
    field: str
    detail: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field}: {self.detail}; {self.remedy}" if self.field else f"{self.detail}; {self.remedy}"


class CodeOpenError(Exception):
    """A mistake that a person can put right. Its text is complete: no traceback is needed to act on it."""

    failing = Failing.WORK


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

    failing = Failing.INPUT

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class NoSuchEntryError(CodeOpenError):
    """There is nothing of the name that was given: in the catalog, or in a registry."""

    failing = Failing.MISSING


class UsageError(CodeOpenError):
    """A command's options don't say what to do, or need another one."""

    failing = Failing.USAGE


class QuantityError(CodeOpenError):
    """A text is not a quantity of CPU or memory."""

    failing = Failing.INPUT


class ImageNameError(CodeOpenError):
    """A text is not the name of an image of this catalog; ``message`` says why, ``fix`` what to do."""

    failing = Failing.INPUT

    def __init__(self, message: str, fix: str) -> None:
        self.message = message
        self.fix = fix
        super().__init__(f"{message}; {fix}")


class UnknownNameError(ImageNameError):
    """A text would be an image's name, but the catalog has no flavor or add-on for a word of it."""

    failing = Failing.MISSING


class PlanError(CodeOpenError):
    """A plan can't be made: an unknown upstream or platform, a check that can't be written down."""

    failing = Failing.INPUT


class ContextError(CodeOpenError):
    """A part's build context can't be read: a missing Dockerfile, a link that leaves it, an unusable name."""

    failing = Failing.INPUT


class SettingsError(CodeOpenError):
    """A value of a stack's configuration can't be used."""

    failing = Failing.INPUT


class UnknownStackError(SettingsError):
    """The checkout has no configuration for a stack of the name."""

    failing = Failing.MISSING


class ProjectError(CodeOpenError):
    """A stack declares projects that can't be had: a reason a line."""

    failing = Failing.INPUT


class NoSuchProjectError(ProjectError):
    """There is no project of the id."""

    failing = Failing.MISSING


class DeployError(CodeOpenError):
    """The Pulumi CLI could not do what it was asked for; the text ends with the last lines of its log."""

    failing = Failing.EXTERNAL


class NoSuchStackError(DeployError):
    """The backend has no stack of the name."""

    failing = Failing.MISSING


class StackInUseError(DeployError):
    """Another run holds the stack's lock; nothing was done."""

    failing = Failing.CONFLICT


class RunFailedError(DeployError):
    """A run of the Pulumi CLI failed: ``errors`` is what it said, each error with all of its lines."""

    failing = Failing.WORK

    def __init__(self, text: str, errors: tuple[str, ...]) -> None:
        self.errors = errors
        super().__init__(text)


class ClusterError(CodeOpenError):
    """A cluster can't be asked, or doesn't do what it was asked for."""

    failing = Failing.EXTERNAL


class RegistryError(CodeOpenError):
    """A registry does not answer as the distribution specification says."""

    failing = Failing.EXTERNAL


class UnknownBlobError(RegistryError):
    """A manifest names what its repository doesn't have: not yet, or no more."""

    failing = Failing.MISSING


class RevisionError(CodeOpenError):
    """A git revision of the checkout can't be read: no git, no such revision, or a catalog that can't be used."""

    failing = Failing.INPUT


class UnknownRevisionError(RevisionError):
    """Git knows no such revision here, or the revision has no catalog."""

    failing = Failing.MISSING


class ComposeError(CodeOpenError):
    """Parts that can't be composed as they are, or a layer that can't be read."""


class BuildError(CodeOpenError):
    """An image can't be built; the text ends with the last lines of the build's log."""


class OnDemandError(CodeOpenError):
    """A combination can't be had now: someone else's build failed a moment ago, or it took too long."""


class TakenError(OnDemandError):
    """Somebody else has it: another build is still making it, or a release has its name."""

    failing = Failing.CONFLICT


class NothingBuiltError(OnDemandError):
    """A part is missing, and this caller builds nothing; another one may."""

    failing = Failing.MISSING


class VerifyError(CodeOpenError):
    """An image can't be verified: the Docker Engine doesn't answer, or a container can't be started."""

    failing = Failing.EXTERNAL


class TrialError(CodeOpenError):
    """Parts can't be tried: no free port, or an image that the stack did not make."""


class ScaffoldError(CodeOpenError):
    """A new part can't be started: an id that can't be had, or a catalog that would be wrong with it."""

    failing = Failing.INPUT


class ReadmeError(CodeOpenError):
    """A part's README can't be brought up to date by a program: a person has to put something right first."""

    failing = Failing.INPUT


class UpstreamError(CodeOpenError):
    """A pin or a lock file can't be read or renewed: no such upstream, no tool, or a registry that lacks it."""

    failing = Failing.EXTERNAL


class CapacityError(CodeOpenError):
    """No machine of the catalog can hold what is asked for, or a GPU pool is declared as it can't be."""

    failing = Failing.INPUT


class CloudSdkError(CodeOpenError):
    """The SDK of a cloud isn't installed; the text says how to install it."""

    failing = Failing.EXTERNAL


class DatabaseError(CodeOpenError):
    """The service's database can't be opened or used; the text never has its password."""

    failing = Failing.EXTERNAL


class LegacyError(CodeOpenError):
    """The old product's projects can't be migrated: no such table, or a tier that nothing maps."""

    failing = Failing.INPUT


class RefusedError(CodeOpenError):
    """A request to the service that can't be done; ``code`` is stable, ``reasons`` has every reason.

    ``status`` is the HTTP status of the answer.
    """

    failing = Failing.INPUT

    def __init__(self, status: int, code: str, detail: str, reasons: tuple[FieldReason, ...] = ()) -> None:
        self.status = status
        self.code = code
        self.detail = detail
        self.reasons = reasons
        super().__init__("\n".join((detail, *(str(reason) for reason in reasons))))
