"""The entry of the command line: parses, runs one command, prints. The one place that prints errors and exits.

Exit codes: 0 done, 1 an error that is told on stderr, 2 wrong usage, 130 interrupted, 128 and
the number of another signal that ended it; 129 or 141 where nobody reads what is told.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TextIO

from codeopen.cli.command import Command, Invocation, Outcome
from codeopen.cli.commands import COMMANDS, GROUPS
from codeopen.environment.children import Interrupted, ended_by_signals
from codeopen.errors import CodeOpenError

_WRONG_USAGE: Final = 2
_SIGNALLED: Final = 128
_INTERRUPTED: Final = _SIGNALLED + 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. ``argv`` is ``sys.argv[1:]`` unless given."""
    try:
        with ended_by_signals():
            outcome = _run(sys.argv[1:] if argv is None else argv)
    except BrokenPipeError:  # whoever read what is told has gone
        _close_output()
        return _SIGNALLED + signal.SIGPIPE
    except CodeOpenError as error:
        outcome = Outcome(errors=f"{error}\n", code=1)
    except OSError as error:
        outcome = Outcome(errors=f"codeopen: {error}; see that the file is there and readable\n", code=1)
    except Interrupted as stop:
        return _SIGNALLED + stop.number
    except KeyboardInterrupt:
        return _INTERRUPTED
    except SystemExit as stop:  # argparse has told its help or what is wrong
        outcome = Outcome(code=stop.code if isinstance(stop.code, int) else _WRONG_USAGE)
    return _print(outcome)


def _run(argv: Sequence[str]) -> Outcome:
    parser = make_parser()
    options = parser.parse_args(argv)
    catalog = Path(getattr(options, "catalog", "catalog"))
    if options.show_version:
        return _show_version(catalog)
    command: Command | None = options.command
    if command is None:
        parser.error("name a command; codeopen --help lists them")
    output_format = getattr(options, "format", None)
    if output_format is None:
        output_format = command.terminal_format if _is_terminal(sys.stdout) else command.pipe_format
    if output_format not in command.formats:
        words = " ".join(command.words)
        parser.error(f"argument --format: {words} has no format {output_format!r}; use {', '.join(command.formats)}")
    return command.load()(Invocation(options, catalog, output_format))


def make_parser() -> argparse.ArgumentParser:
    """The parser with all commands. ``--catalog`` and ``--format`` may stand before and after a command's words."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--catalog", metavar="DIR", help="the catalog's folder; default: catalog")
    common.add_argument("--format", metavar="FORMAT", help="text for people, json for programs, or the command's own")
    parser = argparse.ArgumentParser(
        prog="codeopen",
        description="Images, resources and build plans of CodeOpen containers, computed from the catalog.",
        parents=[common],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", dest="show_version", help="print the image version")
    parser.set_defaults(command=None)
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


def _add_command(
    level: argparse._SubParsersAction[argparse.ArgumentParser], command: Command, common: argparse.ArgumentParser
) -> None:
    parser = level.add_parser(
        command.words[-1],
        help=command.summary,
        description=f"{command.summary}. Formats: {', '.join(command.formats)}.",
        parents=[common],
        allow_abbrev=False,
    )
    for add_arguments in command.arguments:
        add_arguments(parser)
    parser.set_defaults(command=command)


def _show_version(catalog: Path) -> Outcome:
    """The file VERSION beside the catalog; away from a checkout, the version of the installed package."""
    # Imported here, so that other commands start fast.
    import importlib.metadata  # noqa: PLC0415

    from codeopen.cli.checkout import read_version  # noqa: PLC0415

    try:
        return Outcome(f"{read_version(catalog)}\n")
    except CodeOpenError:
        return Outcome(f"{importlib.metadata.version('codeopen-containers')}\n")


def _print(outcome: Outcome) -> int:
    try:
        _write(sys.stderr, outcome.errors)
        _write(sys.stdout, outcome.output)
    except BrokenPipeError:
        _close_output()  # the reader (as head) has all it wants
    except OSError as error:
        _write(sys.stderr, f"codeopen: the output can't be written ({error.strerror}); free some space\n")
        return 1
    return outcome.code


def _close_output() -> None:
    """What is still buffered for a reader that has gone must not raise again when Python ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _write(stream: TextIO | None, text: str) -> None:
    """Write as UTF-8 whatever the locale is; a closed stream swallows the text."""
    if stream is None:
        return
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    stream.write(text)
    stream.flush()


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()
