"""A new flavor: its texts from its id."""

from __future__ import annotations

from types import MappingProxyType

from codeopen.authoring.new_part import templates
from codeopen.authoring.new_part.draft import NewPart, check_id, fill, quoted, title_of
from codeopen.model.catalog.model import Catalog
from codeopen.model.plan.parts import PartId, PartKind


def draft_flavor(catalog: Catalog, flavor: str, name: str | None = None) -> NewPart:
    """A flavor that installs a sample package. Raises ScaffoldError."""
    part = PartId(PartKind.FLAVOR, flavor)
    check_id(part, catalog.flavors)
    title = name or title_of(part)
    values = {
        "id": flavor,
        "part": str(part),
        "name": quoted(title),
        "title": title,
        "sort_order": str(max((other.sort_order for other in catalog.flavors.values()), default=0) + 1),
        "platforms": ", ".join(catalog.base.platforms),
    }
    files = {"Dockerfile": templates.DOCKERFILE, "README.md": templates.FLAVOR_README}
    rendered = {file: fill(text, values) for file, text in files.items()}
    return NewPart(part, fill(templates.FLAVOR_ENTRY, values), MappingProxyType(rendered))
