"""The catalog as frozen values: what the YAML files mean once they have been found to be right.

Names follow the specification's database columns (section "Database Schema"), so that the catalog, the API and the
database speak of the same things.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from codeopen.model.catalog.gpus import Gpus
from codeopen.model.quantity import Cpu, Memory


class Status(StrEnum):
    """Whether a part can be selected: planned ones are listed, never built."""

    AVAILABLE = "available"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class Tier:
    """A resource tier (specification, "Resource Tiers")."""

    id: str
    name: str
    description: str
    cpu_limit: Cpu
    memory_limit: Memory
    memory_reservation: Memory
    storage_gb: int
    monthly_price_cents: int
    is_default: bool
    sort_order: int


@dataclass(frozen=True, slots=True)
class Port:
    """A TCP port that a part's service listens on inside the container.

    ``host_offset`` is the port's place in the block of host ports that a project owns: fixed here, so that neither
    another add-on nor another project ever moves it. ``credential`` is the prefix of the two environment variables
    ``<credential>_USERNAME`` and ``<credential>_PASSWORD`` that the service takes its login from: each project has one
    of its own for each port.
    """

    port: int
    name: str
    description: str
    host_offset: int
    credential: str


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """A command that must exit 0 inside the part's image, with output that matches the regular expression."""

    name: str
    command: tuple[str, ...]
    output: str


@dataclass(frozen=True, slots=True)
class PortCheck:
    """An HTTP request to a port of the running container, and the answer that shows the service to be healthy.

    ``credential`` names the prefix of the two environment variables ``<credential>_USERNAME`` and
    ``<credential>_PASSWORD`` for basic authentication; empty where the service asks for none.
    """

    name: str
    port: int
    path: str
    status: int
    body: str
    credential: str


Check = CommandCheck | PortCheck


class AccountKind(StrEnum):
    """Whether an account is a user with a group of the same name and id, or a group alone."""

    USER = "user"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Account:
    """A system account with a fixed id, which the base has before a package would create it under the next free one.

    ``home`` is empty for a group.
    """

    name: str
    kind: AccountKind
    id: int
    home: str
    description: str


@dataclass(frozen=True, slots=True)
class Base:
    """The layer that every image stands on (specification, "Layer Model").

    ``source`` is where the project's source is, which all images are labelled with. ``estimated_size_mb`` is the
    unpacked image as it was measured, ``specified_size_mb`` what the specification gives.
    """

    name: str
    description: str
    source: str
    estimated_size_mb: int
    platforms: tuple[str, ...]
    ports: tuple[Port, ...]
    env: Mapping[str, str]
    accounts: tuple[Account, ...]
    tools: tuple[str, ...]
    checks: tuple[Check, ...]
    upstreams: tuple[str, ...]
    specified_size_mb: int | None = None


@dataclass(frozen=True, slots=True)
class Flavor:
    """A language environment (specification, "Container Flavors").

    ``takes`` names flavors whose images its Dockerfile uses as named build contexts; ``not_for`` says of platforms why
    it is not built for them, where no upstream does. Its sizes are of the unpacked image with its base, as the base's.
    """

    id: str
    name: str
    description: str
    status: Status
    languages: tuple[str, ...]
    runtimes: tuple[str, ...]
    package_managers: tuple[str, ...]
    tools: tuple[str, ...]
    frameworks: tuple[str, ...]
    estimated_size_mb: int
    is_default: bool
    sort_order: int
    takes: tuple[str, ...]
    checks: tuple[Check, ...]
    upstreams: tuple[str, ...]
    platforms: tuple[str, ...]
    not_for: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    specified_size_mb: int | None = None


@dataclass(frozen=True, slots=True)
class Addon:
    """An optional capability (specification, "Add-ons").

    ``image_suffix`` is stored without its leading hyphen; ``layer_order`` orders the deltas of a combination (popular
    and large parts first), which need not be the alphabetical order of the suffixes. ``shared_memory`` is the size of
    ``/dev/shm`` that it needs, which is part of the container's memory; 0 leaves the platform's default. ``not_for``
    says of platforms why it is not built for them, where no upstream does. ``estimated_size_mb`` is of the unpacked
    image with its base, None until it is measured.
    """

    id: str
    name: str
    description: str
    status: Status
    image_suffix: str
    extra_cpu: Cpu
    extra_memory: Memory
    shared_memory: Memory
    extra_ports: tuple[Port, ...]
    extra_env: Mapping[str, str]
    requires_tier: str | None
    requires_addons: tuple[str, ...]
    incompatible_with: tuple[str, ...]
    gpus: int
    monthly_price_cents: int
    sort_order: int
    layer_order: int
    includes: tuple[str, ...]
    checks: tuple[Check, ...]
    upstreams: tuple[str, ...]
    platforms: tuple[str, ...]
    not_for: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    estimated_size_mb: int | None = None


@dataclass(frozen=True, slots=True)
class Companion:
    """A part that nobody selects: a combination of one of ``with_flavors`` with all of ``with_addons`` takes it.

    Its ``checks`` are asked of these combinations, in the place of the others' that ``replaces`` names. Its size is
    what it adds to an image.
    """

    id: str
    name: str
    description: str
    with_flavors: tuple[str, ...]
    with_addons: tuple[str, ...]
    includes: tuple[str, ...]
    estimated_size_mb: int
    checks: tuple[Check, ...]
    replaces: tuple[str, ...]
    upstreams: tuple[str, ...]
    platforms: tuple[str, ...]
    not_for: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def is_taken_by(self, flavor: str, addons: Iterable[str]) -> bool:
        """Whether the combination of a flavor with add-ons, by their ids, has it."""
        return flavor in self.with_flavors and set(addons).issuperset(self.with_addons)


@dataclass(frozen=True, slots=True)
class PopularCombination:
    """A combination that is built ahead of demand, and why it is."""

    flavor: str
    addons: tuple[str, ...]
    reason: str


class UpstreamKind(StrEnum):
    """How an upstream reaches a Dockerfile."""

    IMAGE = "image"  # a named build context, docker-image://
    FILE = "file"  # a verified ADD --checksum of the URL and digest that two build arguments give
    NPM = "npm"  # a lock file of the part, whose integrity hashes npm checks
    PYPI = "pypi"  # a lock file of the part, whose hashes pip checks
    GO = "go"  # a module of the part, whose go.sum Go checks
    CARGO = "cargo"  # a lock file of the part, whose checksums Cargo checks
    SERVICE = "service"  # not by one: an image that the platform itself runs
    PACKAGE_ARCHIVE = "package-archive"  # a snapshot of the distribution's archive, as a named build context


@dataclass(frozen=True, slots=True)
class Substitute:
    """What stands in for an upstream in a stack that can't reach it, with the same layout.

    ``upstreams`` are the named build contexts of its Dockerfile, ``dockerfiles/substitutes/<upstream>``; ``None`` means
    that it has none, because set-up makes it (a mirror of the same version). ``outputs`` gives what checks say instead,
    by name, and ``without`` names those that have nothing to ask, because it leaves their subject out; ``note`` says so
    to people.
    """

    version: str
    note: str
    upstreams: tuple[str, ...] | None
    outputs: Mapping[str, str]
    without: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Where something is on a platform, and its digest: of the image's index, or of the file."""

    reference: str
    digest: str


@dataclass(frozen=True, slots=True)
class Upstream:
    """Something from outside, pinned by version and by digest or checksum.

    ``platforms`` are those of an image; ``files`` has a file that is another one on each platform, where ``reference``
    and ``digest`` are empty; ``not_for`` says of platforms why there is none for them.
    """

    id: str
    kind: UpstreamKind
    description: str
    version: str
    reference: str
    digest: str
    license: str
    substitute: Substitute | None
    platforms: tuple[str, ...] = ()
    files: Mapping[str, Source] = field(default_factory=lambda: MappingProxyType({}))
    not_for: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def source(self, platform: str) -> Source:
        """Where it is on a platform; nothing in it where there is none for that."""
        return self.files.get(platform, Source(self.reference, self.digest))

    def has(self, platform: str) -> bool:
        """Whether it is pinned for a platform: lock files and archives are for all but those in ``not_for``."""
        return platform not in self.not_for and platform in (self.platforms or self.files or (platform,))


@dataclass(frozen=True, slots=True)
class LegacyMapping:
    """What a container tier of the old system becomes (specification, "Migration from Legacy Containers")."""

    legacy_tier: str
    tier: str
    flavor: str
    addons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything that can be selected; every reference in it resolves, and iteration is in ``sort_order``."""

    base: Base
    tiers: Mapping[str, Tier]
    flavors: Mapping[str, Flavor]
    addons: Mapping[str, Addon]
    popular: tuple[PopularCombination, ...]
    upstreams: Mapping[str, Upstream]
    legacy: Mapping[str, LegacyMapping]
    gpus: Gpus = field(default_factory=Gpus)
    companions: Mapping[str, Companion] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def default_flavor(self) -> Flavor:
        return next(flavor for flavor in self.flavors.values() if flavor.is_default)
