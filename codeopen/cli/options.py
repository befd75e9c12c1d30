"""Options that many commands have."""

from __future__ import annotations

import argparse
import os


def add_stack(parser: argparse.ArgumentParser) -> None:
    """``--stack``, which CODEOPEN_STACK gives too."""
    chosen = os.environ.get("CODEOPEN_STACK") or None
    parser.add_argument(
        "--stack",
        default=chosen,
        required=chosen is None,
        metavar="S",
        help="default: CODEOPEN_STACK, set by make setup",
    )


def add_addons(parser: argparse.ArgumentParser) -> None:
    """``--addon``, repeatable, each with commas where it names several; the option's value is a list of ids."""
    parser.add_argument(
        "--addon",
        "--addons",
        action="extend",
        type=_ids,
        default=[],
        metavar="A",
        help="id of an add-on, e.g. gui; repeat it, or write commas: gui,databases; in any order",
    )


def _ids(text: str) -> list[str]:
    return [word for word in (part.strip() for part in text.split(",")) if word]


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """``--dry-run``."""
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
