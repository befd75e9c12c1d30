"""The parts that images are made of, and what each is built on: base, then flavors, add-ons and companions.

Beside them stand the substitutes, which a stack may build in the place of upstreams that it can't reach.

Add-ons are built on the base, not on a flavor: the layers beyond the base's are the add-on's delta, which any flavor
takes. So are companions, whose delta a combination takes because of what it holds. Source:
specification, "Layer Model", with the structure of the design ("parts are built, combinations are composed").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from codeopen.model.catalog.model import Addon, Catalog, Check, Companion, Flavor, Status
from codeopen.model.plan.graph import Graph
from codeopen.model.selection.companions import companions_of, taken_because
from codeopen.model.selection.name import PREFIX


class PartKind(StrEnum):
    """The kinds of parts, in layer order; a substitute is no part of an image but stands in for an upstream."""

    SUBSTITUTE = "substitute"
    BASE = "base"
    FLAVOR = "flavor"
    ADDON = "addon"
    COMPANION = "companion"


@dataclass(frozen=True, slots=True)
class PartId:
    """A part's kind and its id in the catalog; as text ``base``, ``js``, ``addon-gui``.

    So are ``companion-python-cuda`` and ``substitute-go``. The text is unique over all kinds.
    """

    kind: PartKind
    id: str

    def __str__(self) -> str:
        return self.id if self.kind in {PartKind.BASE, PartKind.FLAVOR} else f"{self.kind}-{self.id}"


BASE: Final = PartId(PartKind.BASE, "base")


@dataclass(frozen=True, slots=True)
class Part:
    """One image that is built from one Dockerfile.

    ``takes`` are other parts whose images its Dockerfile uses as named build contexts, beside its parent's.
    ``directory`` is its build context, relative to the checkout; ``checks`` and ``upstreams`` are its own, not those
    of the part that it stands on; ``platforms`` are those that its parent has as well. ``reason`` says
    why combinations have a part that nobody selects.
    """

    id: PartId
    name: str
    status: Status
    parent: PartId | None
    takes: tuple[PartId, ...]
    directory: str
    upstreams: tuple[str, ...]
    platforms: tuple[str, ...]
    checks: tuple[Check, ...]
    reason: str = ""

    @property
    def repository(self) -> str:
        """The image's name without registry, owner and version, as ``codeopen-addon-gui``."""
        return f"{PREFIX}{self.id}"

    @property
    def builds_on(self) -> tuple[PartId, ...]:
        """Every part that has to be built before this one."""
        return (*((self.parent,) if self.parent else ()), *self.takes)


def list_parts(catalog: Catalog) -> tuple[Part, ...]:
    """All parts of the catalog, planned ones too: the base, then flavors, add-ons and companions in catalog order."""
    base = Part(
        id=BASE,
        name=catalog.base.name,
        status=Status.AVAILABLE,
        parent=None,
        takes=(),
        directory="dockerfiles/base",
        upstreams=catalog.base.upstreams,
        platforms=catalog.base.platforms,
        checks=catalog.base.checks,
    )
    flavors = (
        _on_base(PartKind.FLAVOR, flavor, "dockerfiles/flavors", base, flavor.takes)
        for flavor in catalog.flavors.values()
    )
    addons = (_on_base(PartKind.ADDON, addon, "dockerfiles/addons", base) for addon in catalog.addons.values())
    companions = (
        _on_base(PartKind.COMPANION, companion, "dockerfiles/companions", base)
        for companion in catalog.companions.values()
    )
    return (base, *flavors, *addons, *companions)


def list_members(catalog: Catalog, flavor: str, addons: Sequence[str]) -> tuple[PartId, ...]:
    """The parts of a combination as they lie on each other, by the ids of its flavor and of its add-ons in layer order.

    A companion lies directly on the last of its add-ons, so that combinations with further ones share it.
    """
    members = [PartId(PartKind.FLAVOR, flavor)]
    for place, addon in enumerate(addons, start=1):
        members.append(PartId(PartKind.ADDON, addon))
        found = (PartId(PartKind.COMPANION, each.id) for each in companions_of(catalog, flavor, addons[:place]))
        members += [companion for companion in found if companion not in members]
    return tuple(members)


def list_builds(catalog: Catalog) -> tuple[Part, ...]:
    """Everything that has a Dockerfile: the substitutes for upstreams, and all parts."""
    return (*list_substitutes(catalog), *list_parts(catalog))


def _on_base(
    kind: PartKind, record: Flavor | Addon | Companion, folder: str, base: Part, takes: tuple[str, ...] = ()
) -> Part:
    return Part(
        id=PartId(kind, record.id),
        name=record.name,
        status=Status.AVAILABLE if isinstance(record, Companion) else record.status,
        parent=base.id,
        takes=tuple(PartId(PartKind.FLAVOR, flavor) for flavor in takes),
        directory=f"{folder}/{record.id}",
        upstreams=record.upstreams,
        platforms=tuple(platform for platform in base.platforms if platform in record.platforms),
        checks=record.checks,
        reason=taken_because(record) if isinstance(record, Companion) else "",
    )


def list_substitutes(catalog: Catalog) -> tuple[Part, ...]:
    """What the catalog has to build in the place of upstreams, in catalog order; each may use other upstreams."""
    return tuple(
        Part(
            id=PartId(PartKind.SUBSTITUTE, upstream.id),
            name=f"{upstream.id} {upstream.substitute.version}",
            status=Status.AVAILABLE,
            parent=None,
            takes=(),
            directory=f"dockerfiles/substitutes/{upstream.id}",
            upstreams=upstream.substitute.upstreams,
            platforms=catalog.base.platforms,
            checks=(),
        )
        for upstream in catalog.upstreams.values()
        if upstream.substitute and upstream.substitute.upstreams is not None
    )


def parts_graph(parts: tuple[Part, ...]) -> Graph[PartId]:
    """The parts with an edge to each part from every one that it is built on."""
    return Graph(
        nodes=tuple(part.id for part in parts),
        edges=tuple((other, part.id) for part in parts for other in part.builds_on),
    )
