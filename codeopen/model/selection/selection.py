"""What a person selects, and what it comes to: an image and its resources, or the reasons why it can't be.

Source: specification, "Overview", "Resource Calculation" and "Port Mapping".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from codeopen.model.catalog.model import Companion, Port
from codeopen.model.quantity import Cpu, Memory
from codeopen.model.selection.name import ImageName

DEFAULT_PLATFORM = "linux/amd64"
NO_MEMORY = Memory(0)


@dataclass(frozen=True, slots=True)
class Selection:
    """A tier, a flavor and add-ons by their ids, as they were asked for: not checked yet."""

    tier: str
    flavor: str
    addons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resources:
    """What a project's container may use: limits, the memory it is promised, disk, and whole GPUs.

    ``shared_memory`` is the size of ``/dev/shm``, a part of the memory; 0 leaves the platform's default.
    """

    cpu: Cpu
    memory: Memory
    memory_reservation: Memory
    storage_gb: int
    gpus: int
    shared_memory: Memory = NO_MEMORY


@dataclass(frozen=True, slots=True)
class Resolution:
    """Everything that follows from a valid selection.

    ``ports`` are sorted by number, ``env`` by name, ``addons`` are in layer order; ``addon_ports`` names the ports that
    come and go with an add-on; ``platforms`` are those that every part of the image is built for; the price is in cents
    a month. ``companions`` are parts that the image has beside the selected ones, because of these.
    """

    image: ImageName
    resources: Resources
    ports: tuple[Port, ...]
    addon_ports: frozenset[str]
    env: Mapping[str, str]
    monthly_price_cents: int
    platforms: tuple[str, ...]
    addons: tuple[str, ...]
    companions: tuple[Companion, ...] = ()


class ReasonCode(StrEnum):
    """Why a selection can't be had; programs may rely on these words."""

    UNKNOWN_TIER = "unknown-tier"
    UNKNOWN_FLAVOR = "unknown-flavor"
    UNKNOWN_ADDON = "unknown-addon"
    DUPLICATE_ADDON = "duplicate-addon"
    INCOMPATIBLE_ADDONS = "incompatible-addons"
    TIER_TOO_LOW = "tier-too-low"
    MISSING_ADDON = "missing-addon"
    PLANNED = "planned"
    PLATFORM = "platform"
    IMAGE_NAME = "image-name"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason why a selection can't be had: a stable code, what is wrong, and what to do about it."""

    code: ReasonCode
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}; {self.fix}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A selection that can't be had, with every reason at once."""

    reasons: tuple[Reason, ...]
