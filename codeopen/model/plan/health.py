"""The port checks of a part as text: the build argument ``CODEOPEN_HEALTH``, from which health checks are driven.

One line a check: name, port, path, status, credential and a regular expression for the body, tab-separated; ``-``
stands for no credential. A port that a variable moves is ``VARIABLE=number``. No newline at the end; empty when the
part has no port checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from codeopen.errors import PlanError
from codeopen.model.catalog.model import Check, PortCheck

_MOVES_PORT: Final = "_PORT"


def render_health(checks: Iterable[Check], env: Mapping[str, str]) -> str:
    """The text for a part's checks; ``env`` are the variables of the part and the base.

    Raises PlanError for a value that would break the lines.
    """
    return "\n".join(_render_line(check, env) for check in checks if isinstance(check, PortCheck))


def _render_line(check: PortCheck, env: Mapping[str, str]) -> str:
    port = _render_port(str(check.port), env)
    fields = (check.name, port, check.path, str(check.status), check.credential or "-", check.body)
    for field in fields:
        if not field.isprintable():
            raise PlanError(
                f"port check {check.name!r}: {field!r} holds a tab, a line break or another control character; "
                "write it as an escape of the regular expression, as \\t"
            )
    return "\t".join(fields)


def _render_port(number: str, env: Mapping[str, str]) -> str:
    """The number, after the variable ``…_PORT`` that has it in the catalog, if any: who sets it moves the service."""
    names = sorted(name for name, value in env.items() if name.endswith(_MOVES_PORT) and value == number)
    return f"{names[0]}={number}" if names else number
