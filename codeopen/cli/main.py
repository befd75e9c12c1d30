"""The entry of the command line: parses, runs one command, prints. The one place that prints errors and exits.

``codeopen.cli.exit_codes`` says what each exit code means.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from codeopen.cli.command import Command, Invocation, Outcome
from codeopen.cli.exit_codes import EXTERNAL, INTERRUPTED, SIGNALLED, USAGE, exit_code_of
from codeopen.cli.parser import make_parser
from codeopen.cli.terminal import has_colours, is_terminal, paint_error, paint_states
from codeopen.environment.children import Interrupted, ended_by_signals
from codeopen.errors import CodeOpenError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. ``argv`` is ``sys.argv[1:]`` unless given."""
    try:
        with ended_by_signals():
            outcome = _run(sys.argv[1:] if argv is None else argv)
    except BrokenPipeError:  # whoever read what is told has gone
        _close_output()
        return SIGNALLED + signal.SIGPIPE
    except CodeOpenError as error:
        outcome = Outcome(errors=f"{error}\n", code=exit_code_of(error))
    except OSError as error:
        outcome = Outcome(
            errors=f"codeopen: {error}; see that the file is there and readable\n", code=exit_code_of(error)
        )
    except Interrupted as stop:
        return SIGNALLED + stop.number
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as stop:  # argparse has told its help or what is wrong
        outcome = Outcome(code=stop.code if isinstance(stop.code, int) else USAGE)
    return _print(outcome)


def _run(argv: Sequence[str]) -> Outcome:
    parser = make_parser()
    options, unknown = parser.parse_known_args(argv)
    if unknown:
        options.parser.refuse(unknown)
    catalog = Path(getattr(options, "catalog", "catalog"))
    if options.show_version:
        return _show_version()
    command: Command | None = options.command
    if command is None:
        parser.error("name a command; codeopen --help lists them")
    output_format = getattr(options, "format", None)
    if output_format is None:
        output_format = command.terminal_format if is_terminal(sys.stdout) else command.pipe_format
    if output_format not in command.formats:
        words = " ".join(command.words)
        parser.error(f"argument --format: {words} has no format {output_format!r}; use {', '.join(command.formats)}")
    outcome = command.load()(Invocation(options, catalog, output_format))
    if output_format == "text" and has_colours(sys.stdout):
        return replace(outcome, output=paint_states(outcome.output))
    return outcome


def _show_version() -> Outcome:
    # Imported here, so that other commands start fast.
    import importlib.metadata  # noqa: PLC0415

    return Outcome(f"codeopen {importlib.metadata.version('codeopen-containers')}\n")


def _print(outcome: Outcome) -> int:
    try:
        _write(sys.stderr, paint_error(outcome.errors) if has_colours(sys.stderr) else outcome.errors)
        _write(sys.stdout, outcome.output)
    except BrokenPipeError:
        _close_output()  # the reader (as head) has all it wants
    except OSError as error:
        _write(sys.stderr, f"codeopen: the output can't be written ({error.strerror}); free some space\n")
        return EXTERNAL
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
