"""The parts that images are made of, and what each is built on: base, then flavors and add-ons.

Add-ons are built on the base, not on a flavor: the layers beyond the base's are the add-on's delta, which any flavor
takes. Source: specification, "Layer Model", with the structure of the design ("parts are built, combinations are
composed").
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from codeopen.catalog.model import Addon, Catalog, Check, Flavor, Status
from codeopen.plan.graph import Graph
from codeopen.selection.name import PREFIX


class PartKind(StrEnum):
    """The three kinds of parts, in layer order."""

    BASE = "base"
    FLAVOR = "flavor"
    ADDON = "addon"


@dataclass(frozen=True, slots=True)
class PartId:
    """A part's kind and its id in the catalog; as text ``base``, ``js`` or ``addon-gui``, unique over all kinds."""

    kind: PartKind
    id: str

    def __str__(self) -> str:
        return f"addon-{self.id}" if self.kind is PartKind.ADDON else self.id


BASE: Final = PartId(PartKind.BASE, "base")


@dataclass(frozen=True, slots=True)
class Part:
    """One image that is built from one Dockerfile.

    ``directory`` is its build context, relative to the checkout; ``checks`` and ``upstreams`` are its own, not those
    of the part that it stands on; ``platforms`` are those that its parent has as well.
    """

    id: PartId
    name: str
    status: Status
    parent: PartId | None
    directory: str
    upstreams: tuple[str, ...]
    platforms: tuple[str, ...]
    checks: tuple[Check, ...]

    @property
    def repository(self) -> str:
        """The image's name without registry, owner and version, as ``codeopen-addon-gui``."""
        return f"{PREFIX}{self.id}"


def list_parts(catalog: Catalog) -> tuple[Part, ...]:
    """All parts of the catalog, planned ones too: the base, then flavors and add-ons in catalog order."""
    base = Part(
        id=BASE,
        name=catalog.base.name,
        status=Status.AVAILABLE,
        parent=None,
        directory="dockerfiles/base",
        upstreams=catalog.base.upstreams,
        platforms=catalog.base.platforms,
        checks=catalog.base.checks,
    )
    flavors = (_on_base(PartKind.FLAVOR, flavor, "dockerfiles/flavors", base) for flavor in catalog.flavors.values())
    addons = (_on_base(PartKind.ADDON, addon, "dockerfiles/addons", base) for addon in catalog.addons.values())
    return (base, *flavors, *addons)


def _on_base(kind: PartKind, record: Flavor | Addon, folder: str, base: Part) -> Part:
    return Part(
        id=PartId(kind, record.id),
        name=record.name,
        status=record.status,
        parent=base.id,
        directory=f"{folder}/{record.id}",
        upstreams=record.upstreams,
        platforms=tuple(platform for platform in base.platforms if platform in record.platforms),
        checks=record.checks,
    )


def parts_graph(parts: tuple[Part, ...]) -> Graph[PartId]:
    """The parts with an edge from each parent to each part that is built on it."""
    return Graph(
        nodes=tuple(part.id for part in parts),
        edges=tuple((part.parent, part.id) for part in parts if part.parent is not None),
    )
