"""A new add-on: its texts from its id, and what keeps it from being had."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from codeopen.authoring.new_part import templates
from codeopen.authoring.new_part.draft import NewPart, check_id, fill, quoted, title_of
from codeopen.errors import ScaffoldError
from codeopen.model.catalog.model import Catalog, Port
from codeopen.model.plan.parts import PartId, PartKind

_LONGEST_SUFFIX: Final = 20
_HOST_OFFSETS: Final = 16
_PORTS: Final = range(1024, 65536)


def draft_addon(catalog: Catalog, addon: str, name: str | None = None, port: int | None = None) -> NewPart:
    """An add-on that installs a sample package and, with a port, runs a sample service. Raises ScaffoldError."""
    part = PartId(PartKind.ADDON, addon)
    check_id(part, catalog.addons)
    _check(catalog, addon, port)
    title = name or title_of(part)
    addons = catalog.addons.values()
    values = {
        "id": addon,
        "part": str(part),
        "name": quoted(title),
        "title": title,
        "suffix": addon.replace("-", ""),
        "sort_order": str(max((other.sort_order for other in addons), default=0) + 1),
        "layer_order": str(max((other.layer_order for other in addons), default=0) + 1),
        "platforms": ", ".join(catalog.base.platforms),
        "ports": " []",
        "env": " {}",
        "service_check": "",
    }
    files = {"Dockerfile": templates.DOCKERFILE, "README.md": templates.README}
    if port is not None:
        values |= _service_values(catalog, addon, port)
        files = dict(templates.SERVICE_FILES)
    rendered = {file: fill(text, values) for file, text in files.items()}
    return NewPart(part, fill(templates.ENTRY, values), MappingProxyType(rendered))


def _service_values(catalog: Catalog, addon: str, port: int) -> dict[str, str]:
    variable = addon.upper().replace("-", "_")
    taken = {other.host_offset for other in _ports(catalog)}
    offset = next((offset for offset in range(_HOST_OFFSETS) if offset not in taken), None)
    if offset is None:
        raise ScaffoldError(
            f"add-on {addon!r}: all {_HOST_OFFSETS} host ports of a project are taken; do without --port"
        )
    values = {"id": addon, "variable": variable, "port": str(port), "offset": str(offset)}
    return {
        **values,
        "ports": fill(templates.PORTS, values),
        "env": fill(templates.ENV, values),
        "service_check": fill(templates.SERVICE_CHECK, values),
    }


def _check(catalog: Catalog, addon: str, port: int | None) -> None:
    suffix = addon.replace("-", "")
    if len(suffix) > _LONGEST_SUFFIX:
        raise ScaffoldError(
            f"add-on {addon!r}: images would be called codeopen-js-{suffix}; choose an id of at most "
            f"{_LONGEST_SUFFIX} letters and digits"
        )
    holders = {other.image_suffix: other.id for other in catalog.addons.values()} | {
        name: name for name in catalog.flavors
    }
    if suffix in holders:
        raise ScaffoldError(
            f"add-on {addon!r}: its suffix in names, {suffix}, is that of {holders[suffix]}; choose another id"
        )
    if port is not None and port not in _PORTS:
        raise ScaffoldError(
            f"--port {port}: the service is not root's; take one from {_PORTS.start} to {_PORTS.stop - 1}"
        )
    for other in _ports(catalog):
        if other.port == port:
            raise ScaffoldError(f"--port {port}: is the port of {other.name}; choose another")


def _ports(catalog: Catalog) -> tuple[Port, ...]:
    return (*catalog.base.ports, *(port for addon in catalog.addons.values() for port in addon.extra_ports))
