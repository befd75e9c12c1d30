"""The commands of the service: ``codeopen service …``, ``token …``, ``audit`` and ``migrate legacy``."""

from __future__ import annotations

import argparse
from typing import Final

from codeopen.cli.command import Command
from codeopen.cli.options import add_dry_run, add_stack


def _database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--database",
        metavar="URL",
        help="sqlite:///FILE or postgresql://USER@HOST/NAME; put a password into CODEOPEN_DATABASE or a .pgpass file; "
        "default: CODEOPEN_DATABASE, else a SQLite file of the stack below ~/.local/share/codeopen",
    )


def _served(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on; default: %(default)s")
    parser.add_argument("--port", type=int, default=8090, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--anonymous",
        action="store_true",
        help="let programs on this machine in without a token, as an admin; only with a loopback --host",
    )
    parser.add_argument(
        "--require-if-match", action="store_true", help="refuse PATCH and DELETE that don't say what they have seen"
    )
    parser.add_argument(
        "--rate",
        default="1200/minute",
        metavar="R",
        help="what one token may ask, e.g. 20/second; default: %(default)s",
    )
    parser.add_argument(
        "--key-file",
        metavar="FILE",
        help="the key that secrets of projects are sealed with; it is made where there is none; "
        "default: CODEOPEN_KEY_FILE, else service.key beside the stack's SQLite file",
    )


def _created(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--owner", required=True, metavar="O", help="whose projects it is for, e.g. ann")
    parser.add_argument("--role", choices=("viewer", "member", "admin"), default="member", help="default: %(default)s")
    parser.add_argument("--expires", type=float, metavar="DAYS", help="end it after so many days; default: never")


def _token(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("token", metavar="ID", help="id of a token, as `codeopen token list` prints it")


def _audited(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--subject", default="", metavar="ID", help="only what was done to this project or token")
    parser.add_argument("--last", type=int, default=100, metavar="N", help="so many entries; default: %(default)s")


def _migrated(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--unknown", default="", metavar="TIER", help="what other old tiers become, e.g. starter")
    parser.add_argument("--undo", action="store_true", help="bring back what it changed, but for what was chosen since")


SERVICE_COMMANDS: Final = (
    Command(
        ("service", "run"),
        "serve the HTTP API until it is interrupted; brings the database up to date first",
        "codeopen.cli.service:run",
        (add_stack, _database, _served),
        formats=("text",),
    ),
    Command(
        ("service", "openapi"),
        "print the API's OpenAPI document",
        "codeopen.cli.service:openapi",
        (add_stack,),
        formats=("json",),
        terminal_format="json",
        pipe_format="json",
    ),
    Command(
        ("service", "upgrade"),
        "bring the database's tables up to date, and the catalog into them",
        "codeopen.cli.service_database:upgrade",
        (add_stack, _database),
    ),
    Command(
        ("token", "create"),
        "make a token for the API and print it: it can't be read again",
        "codeopen.cli.service_access:create",
        (add_stack, _database, _created),
    ),
    Command(
        ("token", "list"),
        "all tokens, without their secrets",
        "codeopen.cli.service_access:list_all",
        (add_stack, _database),
    ),
    Command(
        ("token", "revoke"), "end a token at once", "codeopen.cli.service_access:revoke", (add_stack, _database, _token)
    ),
    Command(
        ("audit",),
        "who did what through the service, the newest last",
        "codeopen.cli.service_access:audit",
        (add_stack, _database, _audited),
    ),
    Command(
        ("migrate", "legacy"),
        "give the old product's projects a tier, a flavor and add-ons, by catalog/legacy.yaml",
        "codeopen.cli.migrate:legacy",
        (add_stack, _database, _migrated, add_dry_run),
    ),
)
