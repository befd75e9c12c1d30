"""Puts an Ensurer together for a stack of a checkout, with the choices of the caller."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from codeopen.environment.settings import plan_request, read_settings
from codeopen.environment.stack_file import read_stack_values
from codeopen.errors import SettingsError
from codeopen.images.compose.store import IndexStore
from codeopen.images.compose.verdicts import Verdicts
from codeopen.images.locks.file_lock import FileLocks
from codeopen.images.locks.lock import Locks
from codeopen.images.locks.no_lock import NoLocks
from codeopen.images.ondemand.builders.choice import choose_builder
from codeopen.images.ondemand.composing import Tools
from codeopen.images.ondemand.ensure import Ensurer
from codeopen.images.ondemand.jobs import JobSource
from codeopen.images.ondemand.parts import PartBuilds
from codeopen.images.ondemand.signing import Hook, command_hook
from codeopen.images.registry.registry import Registry
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.context import read_contexts
from codeopen.model.plan.parts import list_builds
from codeopen.model.plan.plan import make_plan

DATABASE: Final = "CODEOPEN_LOCK_DATABASE"
NAMESPACE: Final = "CODEOPEN_LOCK_NAMESPACE"
DEFAULT_NAMESPACE: Final = "codeopen-system"
_WORKERS: Final = 16


@dataclass(frozen=True, slots=True)
class Choices:
    """What a caller may choose; empty texts mean the stack's own.

    ``builder`` is the name of a builder of buildx, an endpoint (``tcp://``, ``unix://``, ``kubernetes://``) or a
    workflow; ``lock`` is ``file``, ``none``, ``postgres``, with the connection in the variable DATABASE, or
    ``kubernetes``, with the namespace in NAMESPACE. ``before_tag`` takes the place of the stack's.
    """

    registry: str = ""
    version: str = ""
    builder: str = ""
    lock: str = "file"
    build: bool = True
    before_tag: Hook | None = None


@dataclass(frozen=True, slots=True)
class Bench:
    """An Ensurer with what it is made of."""

    ensurer: Ensurer
    parts: PartBuilds
    tools: Tools

    @property
    def source(self) -> JobSource:
        return self.parts.source


@contextmanager
def open_bench(stack: str, checkout: Path, choices: Choices) -> Iterator[Bench]:
    """Read stack, catalog and Dockerfiles, and get ready. Raises CodeOpenError for what is wrong with them."""
    source = read_source(stack, checkout, choices.registry, choices.version)
    registry = Registry(source.settings.release.registry)
    cache = cache_folder()
    locks = choose_locks(choices.lock, cache)
    builder = choose_builder(choices.builder or source.settings.builder, checkout, registry) if choices.build else None
    with ThreadPoolExecutor(_WORKERS) as workers:
        tools = Tools(registry, IndexStore(registry, cache / "indexes"), Verdicts(cache), locks, workers)
        hook = choices.before_tag or command_hook(source.settings.before_tag, "codeopen:beforeTag")
        tools = replace(tools, before_tag=hook)
        parts = PartBuilds(source, tools, builder)
        yield Bench(Ensurer(parts, tools), parts, tools)


def read_source(stack: str, checkout: Path, registry: str = "", version: str = "") -> JobSource:
    """The plan of a stack with its build contexts; ``registry`` and ``version`` take the place of the stack's."""
    settings = read_settings(stack, read_stack_values(checkout, stack), checkout)
    release = settings.release
    release = replace(release, registry=registry or release.registry, version=version or release.version)
    settings = replace(settings, release=release)
    catalog = read_catalog(settings.catalog)
    files = read_contexts(checkout, list_builds(catalog))
    return JobSource(checkout, catalog, settings, make_plan(catalog, files, plan_request(settings)), files)


def choose_locks(name: str, cache: Path) -> Locks:
    """The locks by their name. Raises SettingsError for ``postgres`` without a connection, LockError for no cluster."""
    if name == "none":
        return NoLocks()
    if name == "file":
        return FileLocks(cache / "locks")
    if name == "kubernetes":
        # As below: its client takes long to import.
        from codeopen.images.locks.lease_lock import LeaseLocks  # noqa: PLC0415

        return LeaseLocks(os.environ.get(NAMESPACE) or DEFAULT_NAMESPACE)
    connection = os.environ.get(DATABASE, "")
    if not connection:
        raise SettingsError(f"--lock postgres: set {DATABASE} to the connection, as postgresql://user@host/database")
    # Its driver takes long to import, and few need it.
    from codeopen.images.locks.postgres_lock import PostgresLocks  # noqa: PLC0415

    return PostgresLocks(connection)


def cache_folder() -> Path:
    """Where this machine keeps what can be made again. Source: XDG Base Directory Specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "codeopen" / "compose"
