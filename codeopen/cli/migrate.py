"""``codeopen migrate legacy``.

JSON: ``rows`` (number by old tier), ``already``, ``chosen``, ``without_tier``, ``unknown`` (number by old tier) and
``applied``; with ``--undo``: ``rows`` and ``changed_since``.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import NoReturn

from sqlalchemy import Connection

from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.service_database import database_url
from codeopen.cli.table import render_pairs
from codeopen.errors import UsageError
from codeopen.model.catalog.read import read_catalog
from codeopen.service.identity import utc_now
from codeopen.service.legacy.migrate import Migrated, migrate, undo
from codeopen.service.opening import open_database_of


class _DryRunError(Exception):
    """Ends the transaction of a dry run, with what it would have done."""

    def __init__(self, found: Migrated) -> None:
        self.found = found
        super().__init__()


def legacy(invocation: Invocation) -> Outcome:
    """Migrate, or undo it. Raises CodeOpenError; then nothing is done."""
    options = invocation.options
    if options.undo and (options.dry_run or options.unknown):
        raise UsageError("--undo goes with neither --dry-run nor --unknown")
    catalog = read_catalog(invocation.catalog)
    database, _ = open_database_of(database_url(options), options.stack, checkout_of(invocation.catalog).resolve())
    if options.undo:
        undone = database.change(undo)
        if invocation.format == "json":
            return Outcome(render_json(asdict(undone)))
        return Outcome(f"{undone.rows} projects are as before; {undone.changed_since} were changed since, and stay\n")

    def work(connection: Connection) -> Migrated:
        found = migrate(connection, catalog, options.unknown, utc_now())
        return _stop(found) if options.dry_run else found

    try:
        found = database.change(work)
    except _DryRunError as stopped:
        found = stopped.found
    if invocation.format == "json":
        return Outcome(render_json({**asdict(found), "applied": not options.dry_run}))
    return Outcome(_told(found, dry_run=options.dry_run))


def _stop(found: Migrated) -> NoReturn:
    raise _DryRunError(found)


def _told(found: Migrated, *, dry_run: bool) -> str:
    verb = "Would migrate" if dry_run else "Migrated"
    return render_pairs(
        [
            (verb, f"{sum(found.rows.values())} projects"),
            *((f"  {name}", str(count)) for name, count in sorted(found.rows.items())),
            ("Migrated before", str(found.already)),
            ("Chosen since", f"{found.chosen}, untouched"),
            ("Without a tier", f"{found.without_tier}, untouched"),
        ]
    )
