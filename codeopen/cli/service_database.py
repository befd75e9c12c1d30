"""``codeopen service upgrade``, and which database the service's commands use.

JSON: ``database`` (without its password) and ``changed`` (entries of the catalog).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final

from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.service.opening import open_database_of

DATABASE: Final = "CODEOPEN_DATABASE"


def upgrade(invocation: Invocation) -> Outcome:
    """Bring the tables up to date."""
    options = invocation.options
    database, changed = open_database_of(
        database_url(options), options.stack, checkout_of(invocation.catalog).resolve()
    )
    shown = database.engine.url.render_as_string(hide_password=True)
    database.close()
    if invocation.format == "json":
        return Outcome(render_json({"database": shown, "changed": changed}))
    return Outcome(f"{shown}: up to date; {changed} entries of the catalog changed\n")


def database_url(options: argparse.Namespace) -> str:
    """The URL that the options, the environment or the default name."""
    return options.database or os.environ.get(DATABASE) or f"sqlite:///{data_folder(options) / 'service.db'}"


def data_folder(options: argparse.Namespace) -> Path:
    """Where a stack's service keeps its data. Source: XDG Base Directory Specification."""
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return home / "codeopen" / "service" / str(options.stack)
