"""A new add-on as texts: its entry in the catalog and the files of its Dockerfile's folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from codeopen.authoring.new_part import templates
from codeopen.errors import ScaffoldError
from codeopen.model.catalog.model import Catalog, Port

# The catalog's schema says the same; here it is told before anything is written.
_ID: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_LONGEST_ID: Final = 40
_LONGEST_SUFFIX: Final = 20
_HOST_OFFSETS: Final = 16
_PORTS: Final = range(1024, 65536)


@dataclass(frozen=True, slots=True)
class NewAddon:
    """What is to be added: ``entry`` at the end of ``catalog/addons.yaml``, and ``files`` by name in ``directory``."""

    id: str
    entry: str
    directory: str
    files: Mapping[str, str]


def draft_addon(catalog: Catalog, addon: str, name: str | None = None, port: int | None = None) -> NewAddon:
    """An add-on that installs a sample package and, with a port, runs a sample service. Raises ScaffoldError."""
    _check(catalog, addon, port)
    title = name or addon.replace("-", " ").title()
    addons = catalog.addons.values()
    values = {
        "id": addon,
        "name": _quoted(title),
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
    rendered = {file: _fill(text, values) for file, text in files.items()}
    return NewAddon(addon, _fill(templates.ENTRY, values), f"dockerfiles/addons/{addon}", MappingProxyType(rendered))


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
        "ports": _fill(templates.PORTS, values),
        "env": _fill(templates.ENV, values),
        "service_check": _fill(templates.SERVICE_CHECK, values),
    }


def _check(catalog: Catalog, addon: str, port: int | None) -> None:
    if _ID.fullmatch(addon) is None or len(addon) > _LONGEST_ID:
        raise ScaffoldError(
            f"add-on {addon!r}: is no id; write lower-case letters and digits, with hyphens between words, as pdf-tools"
        )
    if addon in catalog.addons:
        raise ScaffoldError(f"add-on {addon!r}: the catalog has it already; choose another id")
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


def _quoted(text: str) -> str:
    """A YAML scalar: plain where that is safe, else in double quotes, which JSON's are."""
    return text if re.fullmatch(r"[A-Za-z][A-Za-z0-9 ./+-]*[A-Za-z0-9]", text) else json.dumps(text, ensure_ascii=False)


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Put values in the place of ``@name@``: shells, Python and YAML use the usual marks themselves."""
    return re.sub(r"@(\w+)@", lambda match: values[match[1]], template)
