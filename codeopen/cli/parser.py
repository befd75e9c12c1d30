"""The parser of the command line, made from the commands' records."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Final, NoReturn

from codeopen.cli.command import Command
from codeopen.cli.commands import COMMANDS, GROUPS

_INVALID_CHOICE: Final = re.compile(r"invalid choice: '(?P<given>[^']*)' \(choose from (?P<valid>.*)\)")


class Parser(argparse.ArgumentParser):
    """An ``ArgumentParser`` that says what was probably meant."""

    def error(self, message: str) -> NoReturn:
        wrong = _INVALID_CHOICE.search(message)
        if wrong:
            message += did_you_mean(wrong["given"], re.findall(r"[^\s',]+", wrong["valid"]))
        super().error(message)

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """End with what none of the parser's arguments takes."""
        options = [option for action in self._actions for option in action.option_strings]
        first = unknown[0].partition("=")[0]
        self.error(f"unrecognized arguments: {' '.join(unknown)}{did_you_mean(first, options)}")


def did_you_mean(given: str, valid: Iterable[str]) -> str:
    """``; did you mean 'ensure'?``, or nothing where no valid word is close."""
    close = get_close_matches(given, list(valid), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def make_parser() -> Parser:
    """The parser with all commands. ``--catalog`` and ``--format`` may stand before and after a command's words."""
    common = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--catalog", metavar="DIR", help="the catalog's folder; default: catalog")
    common.add_argument("--format", metavar="FORMAT", help="text for people, json for programs, or the command's own")
    parser = Parser(
        prog="codeopen",
        description="Images, resources and build plans of CodeOpen containers, computed from the catalog.",
        epilog="Exit codes: 0 done, 1 failed, 2 usage, 3 would change (--check), 4 invalid input, 5 not found, "
        "6 conflict, 7 another system failed, 130 interrupted.",
        parents=[common],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", dest="show_version", help="print the program's version")
    parser.set_defaults(command=None, parser=parser)
    first_words = parser.add_subparsers(title="commands", metavar="COMMAND")
    second_words = {}
    for group, summary in GROUPS:
        group_parser = first_words.add_parser(
            group, help=summary, description=summary, parents=[common], allow_abbrev=False
        )
        second_words[group] = group_parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        level = second_words[command.words[0]] if len(command.words) > 1 else first_words
        _add_command(level, command, common)
    return parser


def _add_command(level: argparse._SubParsersAction[Parser], command: Command, common: Parser) -> None:
    parser = level.add_parser(
        command.words[-1],
        help=command.summary,
        description=f"{command.summary}. Formats: {', '.join(command.formats)}.",
        parents=[common],
        allow_abbrev=False,
    )
    for add_arguments in command.arguments:
        add_arguments(parser)
    parser.set_defaults(command=command, parser=parser)
