"""``codeopen token create``, ``list`` and ``revoke``, and ``codeopen audit``.

JSON of ``create``: ``id``, ``owner``, ``role``, ``expires_at`` and ``token``, the secret. Of ``list``: rows of ``id``,
``owner``, ``role``, ``created_at``, ``expires_at``, ``revoked_at``. Of ``audit``: rows of ``at``, ``actor``, ``owner``,
``action``, ``subject``, ``request_id``, ``detail``.
"""

from __future__ import annotations

import getpass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.service_database import database_url
from codeopen.cli.table import render_table
from codeopen.errors import UsageError
from codeopen.service.access.tokens import Role, Token, create_token, list_tokens, revoke_token
from codeopen.service.database.opening import Database
from codeopen.service.database.tables import AUDIT_ENTRIES
from codeopen.service.identity import utc_now
from codeopen.service.opening import open_database_of
from codeopen.service.projects.rows import Act
from codeopen.service.projects.values import Caller

_MOST_ENTRIES = 10_000


def create(invocation: Invocation) -> Outcome:
    """Make a token."""
    options, now = invocation.options, utc_now()
    if options.expires is not None and not 0 < options.expires <= 36_500:  # noqa: PLR2004 - a hundred years
        raise UsageError(f"--expires {options.expires:g}: give days, more than 0 and at most 36500")
    ends = now + timedelta(days=options.expires) if options.expires is not None else None
    database = _opened(invocation)
    token, secret = database.change(
        lambda connection: create_token(Act(connection, _caller(), now), options.owner, Role(options.role), ends)
    )
    if invocation.format == "json":
        data = {name: value for name, value in _data(token).items() if name not in {"created_at", "revoked_at"}}
        return Outcome(render_json({**data, "token": secret}))
    return Outcome(f"{secret}\n", errors=f"Token {token.id} of {token.owner}, {token.role}; it is not shown again.\n")


def list_all(invocation: Invocation) -> Outcome:
    """All tokens."""
    with _opened(invocation).read() as connection:
        rows = [_data(token) for token in list_tokens(connection)]
    return _rows(invocation, rows, ("id", "owner", "role", "created_at", "expires_at", "revoked_at"))


def revoke(invocation: Invocation) -> Outcome:
    """End a token."""
    name = invocation.options.token
    _opened(invocation).change(lambda connection: revoke_token(Act(connection, _caller(), utc_now()), name))
    return Outcome(render_json({"revoked": name}) if invocation.format == "json" else f"token {name} is revoked\n")


def audit(invocation: Invocation) -> Outcome:
    """The last entries, the newest last."""
    options = invocation.options
    if not 1 <= options.last <= _MOST_ENTRIES:
        raise UsageError(f"--last {options.last}: give a number from 1 to {_MOST_ENTRIES}")
    query = select(AUDIT_ENTRIES).order_by(AUDIT_ENTRIES.c.sequence.desc()).limit(options.last)
    if options.subject:
        query = query.where(AUDIT_ENTRIES.c.subject == options.subject)
    names = ("at", "actor", "owner", "action", "subject", "request_id", "detail")
    with _opened(invocation).read() as connection:
        rows = [{name: _text(getattr(row, name)) for name in names} for row in connection.execute(query)]
    return _rows(invocation, rows[::-1], names)


def _opened(invocation: Invocation) -> Database:
    options = invocation.options
    return open_database_of(database_url(options), options.stack, checkout_of(invocation.catalog).resolve())[0]


def _caller() -> Caller:
    return Caller(f"{getpass.getuser()} at the command line", None)


def _data(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "owner": token.owner,
        "role": token.role.value,
        "created_at": _text(token.created_at),
        "expires_at": _text(token.expires_at),
        "revoked_at": _text(token.revoked_at),
    }


def _text(value: datetime | str | None) -> str | None:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else value


def _rows(invocation: Invocation, rows: list[dict[str, Any]], names: tuple[str, ...]) -> Outcome:
    if invocation.format == "json":
        return Outcome(render_json(rows))
    header = tuple(name.upper().replace("_", " ") for name in names)
    return Outcome(render_table(header, [tuple(row[name] or "-" for name in names) for row in rows]))
