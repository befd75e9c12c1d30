"""``codeopen completion SHELL``: a script that completes commands and options."""

from __future__ import annotations

import shtab

from codeopen.cli.command import Invocation, Outcome
from codeopen.cli.parser import make_parser


def run(invocation: Invocation) -> Outcome:
    """The script for a shell, to be sourced."""
    return Outcome(f"{shtab.complete(make_parser(), invocation.options.shell)}\n")
