"""The commands ``codeopen project …``."""

from __future__ import annotations

import argparse
from typing import Final

from codeopen.cli.command import Command
from codeopen.cli.options import add_dry_run, add_stack


def _project(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("project", metavar="NAME", help="id of a project of the stack, e.g. demo")


def _projects(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("projects", nargs="+", metavar="ID", help="id of a project with a stack of its own, e.g. demo")


def _declared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", nargs="?", metavar="FILE", help="YAML: a list of projects as in codeopen:projects; - for stdin"
    )
    parser.add_argument(
        "--project", action="append", default=[], metavar="P", help="one more, e.g. demo=builder,js,gui; once for each"
    )


def _parallel(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--parallel", type=int, default=0, metavar="N", help="so many at a time; default: one a core")


def _wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="wait until they are ready, else say why they are not")
    parser.add_argument("--timeout", type=float, default=300, metavar="SECONDS", help="of --wait; default: %(default)s")


def _upgraded(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("projects", nargs="*", metavar="ID", help="id of a project, e.g. demo")
    parser.add_argument(
        "--due", action="store_true", help="all that wait for longer than upgradeAfterHours of codeopen:cluster"
    )


def _removed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--with-data", action="store_true", help="their disks and logins too, and their stacks")
    parser.add_argument("--yes", action="store_true", help="--with-data is meant")


PROJECT_COMMANDS: Final = (
    Command(
        ("project", "open"),
        "the addresses and logins of a project; prints its passwords",
        "codeopen.cli.project:run",
        (_project, add_stack),
    ),
    Command(
        ("project", "apply"),
        "apply projects on a Kubernetes environment, each to a stack of its own",
        "codeopen.cli.projects:apply",
        (_declared, add_stack, add_dry_run, _parallel, _wait),
    ),
    Command(
        ("project", "hibernate"),
        "end projects' pods; disk, logins and all else stay",
        "codeopen.cli.projects:hibernate",
        (_projects, add_stack, add_dry_run, _parallel),
    ),
    Command(
        ("project", "wake"),
        "start projects' pods again, with the newest images of their selections",
        "codeopen.cli.projects:wake",
        (_projects, add_stack, add_dry_run, _parallel, _wait),
    ),
    Command(
        ("project", "upgrade"),
        "start pods anew that run an older image than is declared",
        "codeopen.cli.workspaces:upgrade",
        (_upgraded, add_stack, add_dry_run, _wait),
    ),
    Command(
        ("project", "remove"),
        "remove projects' workloads; disk and logins stay",
        "codeopen.cli.projects:remove",
        (_projects, add_stack, _parallel, _removed),
    ),
    Command(
        ("project", "list"),
        "all projects of a Kubernetes environment, and how they are",
        "codeopen.cli.workspaces:list_all",
        (add_stack,),
    ),
)
