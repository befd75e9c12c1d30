"""Whether a part can be built, and the reason why not."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from codeopen.model.catalog.model import Addon, Base, Catalog, Companion, Flavor
from codeopen.model.plan.parts import Part, PartKind
from codeopen.model.selection.compatibility import why_not


class PartState(StrEnum):
    """Whether a part can be built, and if not, why."""

    BUILDABLE = "buildable"
    PLANNED = "planned"
    NO_DOCKERFILE = "no-dockerfile"
    NO_PLATFORM = "no-platform"
    PARENT_NOT_BUILDABLE = "parent-not-buildable"


_REASONS: Final = MappingProxyType(
    {
        PartState.PLANNED: "is planned: the catalog lists it, and nothing builds it yet",
        PartState.NO_DOCKERFILE: "has no Dockerfile",
        PartState.PARENT_NOT_BUILDABLE: "is built on a part that can't be built",
    }
)


def why_not_built(catalog: Catalog, part: Part, state: PartState, platform: str) -> str:
    """Why a part can't be built for a platform, as the rest of a sentence that begins with its name."""
    if state in _REASONS:
        return _REASONS[state]
    why = why_not(catalog, record_of(catalog, part), platform)
    return f"is not built for {platform}" + (f": {why}" if why else "")


def record_of(catalog: Catalog, part: Part) -> Base | Flavor | Addon | Companion:
    """What the catalog says of a part that is no substitute."""
    match part.id.kind:
        case PartKind.FLAVOR:
            return catalog.flavors[part.id.id]
        case PartKind.ADDON:
            return catalog.addons[part.id.id]
        case PartKind.COMPANION:
            return catalog.companions[part.id.id]
        case _:
            return catalog.base
