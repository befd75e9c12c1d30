"""All commands of ``codeopen``. To add one, add a record to COMMANDS, and its module beside this one."""

from __future__ import annotations

import argparse
from typing import Final

from codeopen.cli.command import Command
from codeopen.cli.options import add_addons
from codeopen.cli.options import add_dry_run as _dry_run
from codeopen.cli.options import add_stack as _stack
from codeopen.cli.project_commands import PROJECT_COMMANDS
from codeopen.cli.service_commands import SERVICE_COMMANDS
from codeopen.model.catalog.pool_platforms import machine_platforms

_DEFAULT_REGISTRY: Final = "localhost:5000"
_DEFAULT_OWNER: Final = "codeopen"
_DEFAULT_PLATFORM: Final = "linux/amd64"
_DEFAULT_CACHE_GB: Final = 10


def _selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tier", required=True, metavar="T", help="id of a resource tier, e.g. builder")
    parser.add_argument("--flavor", required=True, metavar="F", help="id of a flavor, e.g. js")
    add_addons(parser)
    parser.add_argument("--platform", default=_DEFAULT_PLATFORM, metavar="P", help="default: %(default)s")


def _entry(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("entry", metavar="ID", help="id of a tier, a flavor or an add-on, e.g. gui")


def _shell(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "shell",
        choices=("bash", "zsh"),
        help="e.g. codeopen completion bash >~/.local/share/bash-completion/completions/codeopen",
    )


def _release(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--registry", default=_DEFAULT_REGISTRY, metavar="R", help="host:port; default: %(default)s")
    parser.add_argument("--owner", default=_DEFAULT_OWNER, metavar="O", help="default: %(default)s")
    parser.add_argument("--version", metavar="V", help="default: what the file VERSION beside the catalog says")


def _platforms(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--platform", action="append", metavar="P", help=f"once for each platform; default: {_DEFAULT_PLATFORM}"
    )


def _all(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="every valid combination, not only the popular ones")


def _explained(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("part", metavar="PART", help="a part or a combination, e.g. base, js, databases, js-db")
    parser.add_argument("--since", metavar="REV", help="a git revision: say which input changed since then, and where")
    parser.add_argument(
        "--stack", metavar="S", help="with the stack's own upstreams and platforms; default: the catalog's own"
    )


def _tried(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a part or a combination, e.g. js, addon-gui, js-code-gui; without one, all parts that can be built",
    )


def _documented(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="PART",
        help="a part, or a combination for its parts, e.g. base, gui, js-db; default: all parts",
    )
    parser.add_argument("--write", action="store_true", help="rewrite what is stale, and nothing else in the file")


def _measured(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="what `codeopen part test --format json` has printed; of an image in several, the last one counts",
    )
    parser.add_argument("--write", action="store_true", help="put them into the catalog and docs/sizes.md")


def _addon(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("addon", metavar="ID", help="id of the add-on, e.g. pdf-tools")


def _flavor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("flavor", metavar="ID", help="id of the flavor, e.g. elixir")


def _new_part(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", metavar="TEXT", help="name shown to people; default: made from the id")


def _service(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=int, metavar="N", help="give it a sample service on this TCP port; default: no service"
    )


def _trial_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep", action="store_true", help="keep the trial's registry, so that the next trial builds nothing twice"
    )
    parser.add_argument(
        "--cache",
        type=int,
        default=_DEFAULT_CACHE_GB,
        metavar="GB",
        help="after each image, prune the cache of the stack's BuildKit builder to this size; default: %(default)s",
    )


def _wanted(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--flavor", required=True, metavar="F", help="id of a flavor, e.g. js")
    add_addons(parser)


def _registry(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--registry", metavar="R", help="host:port; default: the stack's")


def _any_platform(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--platform", metavar="P", help="one alone, e.g. linux/arm64; default: all of the stack's, and their index"
    )


def _registry_and_platform(parser: argparse.ArgumentParser) -> None:
    _registry(parser)
    parser.add_argument("--platform", metavar="P", help="e.g. linux/arm64; default: the first of the stack's")


def _building(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--builder",
        metavar="B",
        help="a builder of docker buildx, tcp://host:port?cacert=…, kubernetes://?namespace=…, or "
        "workflow:owner/repository/file.yml@branch; default: the stack's",
    )
    parser.add_argument("--no-build", action="store_true", help="fail where a part is missing, instead of building it")
    parser.add_argument(
        "--lock",
        choices=("file", "postgres", "kubernetes", "none"),
        default="file",
        help="how concurrent builds of one image are prevented: files of this host, PostgreSQL across hosts "
        "(connection in CODEOPEN_LOCK_DATABASE), Lease objects of a Kubernetes cluster across hosts (namespace in "
        "CODEOPEN_LOCK_NAMESPACE), or nothing; default: %(default)s",
    )
    parser.add_argument(
        "--before-tag", metavar="COMMAND", help="run with the image's reference before it is tagged, e.g. to sign it"
    )
    parser.add_argument(
        "--progress",
        choices=("auto", "live", "lines", "json"),
        default="auto",
        help="on stderr; default: live on a terminal, else lines",
    )


def _built(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a part or a combination, e.g. base, js, js-code-gui, to build also a chain of parts, e.g. js+addon-gui; "
        "default: all flavors and the popular combinations",
    )


def _pushed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", required=True, metavar="R/O", help="registry and owner, e.g. ghcr.io/acme")


def _use(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--use",
        required=True,
        metavar="FILE",
        help="CSV of real selections: flavor,addons,count[,project_count], with + between add-ons",
    )
    parser.add_argument(
        "--sizes",
        metavar="FILE",
        help="what `codeopen part test --format json` has printed; default: the catalog's estimates",
    )
    parser.add_argument(
        "--budget", default="500MB", metavar="SIZE", help="what they may take in the registry; default: %(default)s"
    )


def _renewed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="an upstream of the catalog, or the folder of a lock file, e.g. node, dockerfiles/base/npm; default: all",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="change nothing; exit code 3 where something would move, 1 where something could not be asked, else 0",
    )


def _rendered(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the files; it is made where it isn't")
    parser.add_argument(
        "--lookup", action="store_true", help="look images up in the registry and write their digests, not their tags"
    )


def _capacity(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--platform",
        choices=machine_platforms(),
        help="default: that of the stack's GPU pools, or else eks (Karpenter's nodes are those of eks)",
    )


def _pruned(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--registry", default=_DEFAULT_REGISTRY, metavar="R", help="host:port; default: %(default)s")
    parser.add_argument("--owner", default=_DEFAULT_OWNER, metavar="O", help="default: %(default)s")
    parser.add_argument(
        "--keep", type=int, default=3, metavar="N", help="generations of each repository; default: %(default)s"
    )
    parser.add_argument(
        "--grace", type=float, default=24, metavar="HOURS", help="keep what is younger; default: %(default)s"
    )
    parser.add_argument(
        "--projects",
        action="append",
        default=[],
        metavar="FILE",
        help="images of all projects that are not deleted: one a line, JSON, or a stack's outputs; once for each file",
    )
    parser.add_argument("--no-projects", action="store_true", help="say that no project uses the registry")
    parser.add_argument(
        "--keep-list", action="append", default=[], metavar="FILE", help="other images to keep; once for each file"
    )
    parser.add_argument(
        "--allow-missing", action="store_true", help="go on where listed images are not found; else --apply refuses"
    )
    parser.add_argument("--apply", action="store_true", help="remove what the plan says; without it, nothing is")


def _judged(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a part or a combination, e.g. addon-gui, js-code-gui; default: all pairs",
    )


GROUPS: Final = (
    ("catalog", "the data that everything is computed from"),
    ("project", "the projects of a stack"),
    ("part", "the parts that images are made of: trying them alone, and their READMEs"),
    ("addon", "optional capabilities: new ones, and trying one"),
    ("flavor", "language environments: new ones"),
    ("compose", "combinations that are put together from parts"),
    ("registry", "what a registry keeps"),
    ("upstream", "what comes from outside: where it is pinned, and renewing it"),
    ("service", "the HTTP API: serving it, and its database"),
    ("token", "who may use the API"),
    ("migrate", "data of the old product"),
    ("plan", "what would be built, computed from the catalog and the Dockerfiles"),
)

COMMANDS: Final = (
    Command(("catalog", "check"), "check the catalog and print everything that is wrong", "codeopen.cli.catalog:check"),
    Command(("catalog", "list"), "the tiers, flavors and add-ons", "codeopen.cli.catalog:list_all"),
    Command(
        ("catalog", "show"),
        "all that the catalog says of a tier, a flavor or an add-on",
        "codeopen.cli.catalog:show",
        (_entry,),
    ),
    Command(
        ("completion",),
        "print a script that completes commands and options in a shell",
        "codeopen.cli.completion:run",
        (_shell,),
        formats=("text",),
    ),
    Command(
        ("upstream", "list"),
        "every pinned version and every lock file, and where each stands",
        "codeopen.cli.upstream:list_all",
    ),
    Command(
        ("upstream", "update"),
        "write new versions, digests and lock files, within the catalog's constraints; each whole or not at all",
        "codeopen.cli.upstream:update",
        (_renewed,),
    ),
    Command(
        ("resolve",),
        "a tier, a flavor and add-ons: their image, resources and price, or why they can't be had",
        "codeopen.cli.resolve:run",
        (_selection, _release),
        pipe_format="json",
    ),
    Command(
        ("plan", "parts"),
        "all parts with their state and plan digests",
        "codeopen.cli.plan:parts",
        (_release, _platforms),
    ),
    Command(
        ("plan", "combinations"),
        "the popular combinations, or all",
        "codeopen.cli.plan:combinations",
        (_all, _release, _platforms),
    ),
    Command(("plan", "matrix"), "the build matrix as data for CI", "codeopen.cli.plan:matrix", (_release, _platforms)),
    Command(
        ("plan", "popular"),
        "which combinations to compose ahead of demand, and the best order of layers, from real selections",
        "codeopen.cli.popular:run",
        (_use,),
        formats=("text", "json", "yaml"),
    ),
    Command(
        ("plan", "capacity"),
        "the nodes that a stack's projects need on Kubernetes, and what they cost",
        "codeopen.cli.capacity:run",
        (_stack, _capacity),
    ),
    Command(
        ("plan", "explain"),
        "what a part's plan digest is made of, and what changed in it since a git revision",
        "codeopen.cli.explain:run",
        (_explained, _platforms),
    ),
    Command(
        ("plan", "graph"),
        "the parts and what each is built on, as a picture",
        "codeopen.cli.graph:run",
        formats=("mermaid", "dot", "svg", "json"),
        terminal_format="mermaid",
        pipe_format="mermaid",
    ),
    *PROJECT_COMMANDS,
    *SERVICE_COMMANDS,
    Command(
        ("part", "test"),
        "build parts alone in a registry of their own, and verify each by running it",
        "codeopen.cli.part:test",
        (_tried, _stack, _trial_limits),
    ),
    Command(
        ("part", "clean"),
        "remove what `part test --keep` or an interrupted trial left",
        "codeopen.cli.part:clean",
        (_stack,),
    ),
    Command(
        ("part", "readme"),
        "whether the parts' READMEs repeat the catalog as it is; with --write they do",
        "codeopen.cli.readme:run",
        (_documented,),
    ),
    Command(
        ("part", "sizes"),
        "whether the catalog's sizes are those that were measured; with --write they are",
        "codeopen.cli.sizes:run",
        (_measured,),
    ),
    Command(
        ("addon", "new"),
        "add an add-on to the catalog, with a Dockerfile that works: a start to edit",
        "codeopen.cli.new_part:new_addon",
        (_addon, _new_part, _service),
    ),
    Command(
        ("flavor", "new"),
        "add a flavor to the catalog, with a Dockerfile that works: a start to edit",
        "codeopen.cli.new_part:new_flavor",
        (_flavor, _new_part),
    ),
    Command(
        ("addon", "test"),
        "build an add-on alone in a registry of its own, and verify it by running it",
        "codeopen.cli.part:test_addon",
        (_addon, _stack, _trial_limits),
    ),
    Command(
        ("compose", "check"),
        "which pairs of parts compose, and why the others are built as a chain",
        "codeopen.cli.compose:check",
        (_judged, _stack, _registry_and_platform),
    ),
    Command(
        ("ensure",),
        "the image of a flavor with add-ons: found, else composed from its parts; missing parts are built",
        "codeopen.cli.ensure:run",
        (_wanted, _stack, _registry, _any_platform, _building),
    ),
    Command(
        ("registry", "prune"),
        "what a registry may lose by the rules of retention; removes it with --apply",
        "codeopen.cli.registry:run",
        (_pruned,),
    ),
    Command(
        ("build",),
        "images of parts and combinations, found or made, in a stack's registry",
        "codeopen.cli.build:run",
        (_built, _stack, _registry, _any_platform, _building, _dry_run),
    ),
    Command(
        ("push",),
        "copy images of a stack's registry to another one, under their names and version",
        "codeopen.cli.push:run",
        (_built, _pushed, _stack, _registry, _any_platform, _dry_run),
    ),
    Command(
        ("render",),
        "write what a cluster's stack would apply into files, checked against the API's schemas; secrets are redacted",
        "codeopen.cli.render:run",
        (_stack, _rendered),
    ),
    Command(("up",), "apply a stack and print what it holds", "codeopen.cli.deploy:up", (_stack, _dry_run)),
    Command(("down",), "stop what a stack runs; volumes and credentials stay", "codeopen.cli.deploy:down", (_stack,)),
    Command(("status",), "print what a stack holds", "codeopen.cli.deploy:status", (_stack,)),
)
