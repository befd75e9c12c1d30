"""What images say of themselves and take from outside: labels, environment variables, ports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from codeopen.images.ondemand.composing import METHOD_LABEL, PART_LABEL, REASON_LABEL
from codeopen.model.catalog.model import Catalog
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan import labels, origin
from codeopen.model.plan.digest import PLAN_LABEL
from codeopen.model.plan.logins import HASHED
from codeopen.model.selection.resolve import TIER_MEMORY
from reference_pages.table import render_table

LABELS: Final = {
    labels.TITLE: "the image's repository, without its owner",
    labels.VERSION: "the tag `plan-…` that names the image's plan for good. The released version is the image's tag",
    labels.REVISION: "the plan digest",
    origin.SOURCE: "`source` of `catalog/base.yaml`",
    origin.LICENSES: "one SPDX expression for all upstreams that the image is built on",
    labels.INHERITED[0]: "always empty: it hides what the distribution's image says of itself",
    PLAN_LABEL: "the plan digest, by which `codeopen` finds the image",
    f"{labels.UPSTREAM}<id>": "the version of an upstream that is in the image",
    f"{labels.SUBSTITUTE}<id>": "what stands in for an upstream, and how it differs",
    f"{PART_LABEL}<name>": "the digest of a part of a combination. Dots join the parts of a chain (`+` in commands)",
    METHOD_LABEL: "how a combination was made: `composed`, or `chained` if the gate refused a pair of parts",
    REASON_LABEL: "why a combination was chained",
}
"""Keys of labels; ``<…>`` stands for a name."""

GATEWAY: Final = Path("dockerfiles/base/acp-gateway")
_VARIABLES: Final = re.compile(r"^## Variables\n\n.*?\n\|[-|]+\|\n(.*?)\n\n", re.DOTALL | re.MULTILINE)
_INTRODUCTION: Final = """\
# Labels, ports and variables of images

`docker inspect` shows an image's labels and the defaults of its variables. [ADR 21](../adr/0021-labels-and-times.md)
explains the labels. An image that runs without this project needs passwords:
[run an image with Docker alone](../how-to/run-an-image-with-docker.md)."""

_LOGINS: Final = """\
The user is `opencode`, unless the variable says another one. Without its password a port listens on 127.0.0.1 inside
the container only ([ADR 22](../adr/0022-closed-without-a-password.md))."""


def render_images(checkout: Path) -> str:
    """The page in Markdown."""
    catalog = read_catalog(checkout / "catalog")
    readme = (checkout / GATEWAY / "README.md").read_text(encoding="utf-8")
    sections = [
        _INTRODUCTION,
        "## Labels",
        render_table(("Label", "Value"), [(f"`{key}`", text) for key, text in LABELS.items()]),
        "## Ports and logins",
        _LOGINS,
        render_table(("Port", "Name", "In images with", "User", "Password"), _ports(catalog)),
        "## Variables with defaults",
        render_table(("Variable", "Default", "In images with"), _variables(catalog)),
        f"The platform also sets `{TIER_MEMORY}`: the tier's memory without that of add-ons, in bytes.",
        "## ACP gateway",
        "| Variable | Default | Meaning |\n|---|---|---|\n" + "\n".join(_gateway(readme)),
    ]
    return "\n\n".join(sections) + "\n"


def _ports(catalog: Catalog) -> Iterator[tuple[str, ...]]:
    listed = [("all", port) for port in catalog.base.ports]
    listed += [(f"`{addon.id}`", port) for addon in catalog.addons.values() for port in addon.extra_ports]
    for where, port in listed:
        password = f"`{port.credential}_PASSWORD`"
        if port.credential in HASHED:
            password += f", or `{port.credential}_PASSWORD_HASH`"
        yield str(port.port), f"`{port.name}`", where, f"`{port.credential}_USERNAME`", password


def _variables(catalog: Catalog) -> Iterator[tuple[str, ...]]:
    listed = [("all", catalog.base.env), *((f"`{addon.id}`", addon.extra_env) for addon in catalog.addons.values())]
    for where, variables in listed:
        for name, value in variables.items():
            yield f"`{name}`", f"`{value}`", where


def _gateway(readme: str) -> list[str]:
    """The rows of the gateway's own table."""
    found = _VARIABLES.search(readme)
    return found[1].splitlines() if found else []
