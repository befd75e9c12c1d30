"""The parts of a stack in a registry behind a counting proxy, with everything that the arms share."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.composing.cost import Meter
from bench.composing.proxy import counting
from bench.composing.stored import Kept
from codeopen.errors import CodeOpenError
from codeopen.images.compose.part_index import PartIndex
from codeopen.images.compose.store import IndexStore
from codeopen.images.compose.verdicts import Verdicts
from codeopen.images.locks.file_lock import FileLocks
from codeopen.images.ondemand.builders.buildx import BuildxBuilder
from codeopen.images.ondemand.composing import Tools, read_index
from codeopen.images.ondemand.jobs import JobSource
from codeopen.images.ondemand.opening import read_source
from codeopen.images.ondemand.parts import PartBuilds
from codeopen.images.registry.registry import Registry
from codeopen.model.plan.combinations import Combination, enumerate_combinations
from codeopen.model.plan.parts import BASE, PartId, PartKind

PLATFORM = "linux/amd64"


@dataclass(frozen=True)
class Workbench:
    """``indexes`` by the parts' names; names of new repositories begin with ``owner``, which no run shares."""

    source: JobSource
    tools: Tools
    parts: PartBuilds
    references: Mapping[PartId, str]
    base: PartIndex
    indexes: Mapping[str, PartIndex]
    builder: BuildxBuilder
    meter: Meter
    folder: Path
    owner: str = field(default_factory=lambda: f"bench-{secrets.token_hex(4)}")

    @property
    def registry(self) -> Registry:
        return self.tools.registry

    def combinations(self, addons: Sequence[str]) -> list[Combination]:
        """All combinations of flavors with some of these add-ons, without those that have none."""
        wanted = set(addons)
        every = enumerate_combinations(self.source.catalog)
        return [each for each in every if each.addons and set(each.addons) <= wanted]

    def kept(self) -> Kept:
        """Counts what images take beyond the parts that all arms share."""
        return Kept(self.registry, {layer.digest for index in self.indexes.values() for layer in index.layers})

    def members(self, combination: Combination) -> list[PartIndex]:
        """The indexes that a combination is composed of."""
        names = [combination.flavor, *(str(PartId(PartKind.ADDON, addon)) for addon in combination.addons)]
        return [self.indexes[name] for name in names]


@contextmanager
def workbench(stack: str, checkout: Path, port: int, processes: Sequence[int]) -> Iterator[Workbench]:
    """Everything set up, with the indexes in memory. Raises CodeOpenError where parts are missing."""
    with counting(port) as proxy, ThreadPoolExecutor(16) as workers, tempfile.TemporaryDirectory() as folder:
        host = f"localhost:{proxy.port}"
        source = read_source(stack, checkout, host)
        registry = Registry(host)
        store, verdicts = IndexStore(registry, Path(folder) / "indexes"), Verdicts(Path(folder))
        tools = Tools(registry, store, verdicts, FileLocks(Path(folder) / "locks"), workers)
        parts = PartBuilds(source, tools, None)
        found = parts.find_all((planned.part.id for planned in source.plan.parts if planned.buildable), PLATFORM)
        references = {part: reference for part, reference in found.items() if reference}
        if missing := sorted(str(part) for part, reference in found.items() if not reference):
            raise CodeOpenError(f"{host} has no {', '.join(missing)}; run `codeopen part test --keep` first")
        base = read_index(store, references[BASE], PLATFORM, None)
        indexes = {
            str(part): read_index(store, reference, PLATFORM, base)
            for part, reference in references.items()
            if part != BASE
        }
        builder = BuildxBuilder(source.settings.builder, checkout)
        meter = Meter(proxy, processes)
        yield Workbench(source, tools, parts, references, base, indexes, builder, meter, Path(folder))
