"""Whether a part can be built, and the reason why not."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from codeopen.model.catalog.model import Catalog
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
    records = catalog.flavors if part.id.kind is PartKind.FLAVOR else catalog.addons
    record = records.get(part.id.id, catalog.base)
    why = why_not(catalog, record, platform)
    return f"is not built for {platform}" + (f": {why}" if why else "")
