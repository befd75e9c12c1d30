"""The port checks of a part as text: the build argument ``CODEOPEN_HEALTH``, from which health checks are driven.

One line a check: name, port, path, status, credential and a regular expression for the body, tab-separated; ``-``
stands for no credential. No newline at the end; empty when the part has no port checks.
"""

from __future__ import annotations

from collections.abc import Iterable

from codeopen.catalog.model import Check, PortCheck
from codeopen.errors import PlanError


def render_health(checks: Iterable[Check]) -> str:
    """The text for a part's checks. Raises PlanError for a value that would break the lines."""
    return "\n".join(_render_line(check) for check in checks if isinstance(check, PortCheck))


def _render_line(check: PortCheck) -> str:
    fields = (check.name, str(check.port), check.path, str(check.status), check.credential or "-", check.body)
    for field in fields:
        if not field.isprintable():
            raise PlanError(
                f"port check {check.name!r}: {field!r} holds a tab, a line break or another control character; "
                "write it as an escape of the regular expression, as \\t"
            )
    return "\t".join(fields)
