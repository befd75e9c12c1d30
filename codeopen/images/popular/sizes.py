"""The sizes of parts: as they were measured, or a figure that stands in where they were not, and says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from codeopen.images.popular.read_use import read_limited
from codeopen.images.popular.use import UseError, UseProblem
from codeopen.model.catalog.model import Catalog, Companion
from codeopen.model.plan.parts import BASE, PartId, PartKind

MEGABYTE: Final = 1_000_000
# For add-ons that the catalog has no size of.
ASSUMED_ADDON: Final = 300 * MEGABYTE
# What the compressed layers of the parts that were measured come to is a third, on the whole.
_COMPRESSION: Final = 3


@dataclass(frozen=True, slots=True)
class PartSize:
    """What a part adds to the base, on a node's disk and on the way to it."""

    unpacked: int
    compressed: int
    measured: bool


@dataclass(frozen=True, slots=True)
class PartSizes:
    """The sizes of the base, and of what each flavor, each add-on and each companion adds to it."""

    base: PartSize
    flavors: Mapping[str, PartSize]
    addons: Mapping[str, PartSize]
    companions: tuple[tuple[Companion, PartSize], ...] = ()

    def parts_of(self, flavor: str, addons: tuple[str, ...]) -> tuple[PartSize, ...]:
        """The sizes of all that an image is made of."""
        companions = (size for companion, size in self.companions if companion.is_taken_by(flavor, addons))
        return (self.base, self.flavors[flavor], *(self.addons[addon] for addon in addons), *companions)

    def image_bytes(self, flavor: str, addons: tuple[str, ...]) -> int:
        """What an image takes unpacked, without what it shares with others."""
        return sum(part.unpacked for part in self.parts_of(flavor, addons))


def read_sizes(catalog: Catalog, path: Path) -> PartSizes:
    """Sizes in a file that ``codeopen part test --format json`` has written. Raises UseError."""
    return parse_sizes(catalog, str(path), read_limited(path))


def parse_sizes(catalog: Catalog, file: str, text: str) -> PartSizes:
    """As ``read_sizes``. Rows of other images, and of parts that were not built, are passed over."""
    rows = parse_trials(file, text)
    measured = {part: (row["unpacked_bytes"], row["compressed_bytes"]) for part, row in rows.items()}
    return _with_measured(catalog, file, {part: each for part, each in measured.items() if None not in each})


def parse_trials(file: str, text: str) -> Mapping[str, Mapping[str, Any]]:
    """The rows of a trial's report by the names of its images: both sizes are there, numbers of bytes or None.

    Raises UseError.
    """
    fix = "give what `codeopen part test --format json` prints"
    try:
        rows = {row["part"]: row for row in json.loads(text)["parts"]}
        measured = {part: (row["unpacked_bytes"], row["compressed_bytes"]) for part, row in rows.items()}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        what = f"no sizes of parts ({type(error).__name__}: {error})"
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise UseError([UseProblem(f"{file}:{line}", what, fix)]) from error
    problems = [
        UseProblem(file, f"{part}: {size!r} is no number of bytes", fix)
        for part, sizes in measured.items()
        for size in sizes
        if not _is_size(size)
    ]
    if problems:
        raise UseError(problems)
    return rows


def estimate_sizes(catalog: Catalog) -> PartSizes:
    """The catalog's estimates; nothing is measured here."""
    base = catalog.base.estimated_size_mb * MEGABYTE

    def beyond_base(megabytes: int) -> PartSize:
        return _estimate(max(0, megabytes * MEGABYTE - base))

    return PartSizes(
        base=_estimate(base),
        flavors=MappingProxyType(
            {flavor.id: beyond_base(flavor.estimated_size_mb) for flavor in catalog.flavors.values()}
        ),
        addons=MappingProxyType(
            {
                addon.id: _estimate(ASSUMED_ADDON)
                if addon.estimated_size_mb is None
                else beyond_base(addon.estimated_size_mb)
                for addon in catalog.addons.values()
            }
        ),
        companions=tuple(
            (companion, _estimate(companion.estimated_size_mb * MEGABYTE)) for companion in catalog.companions.values()
        ),
    )


def _with_measured(catalog: Catalog, file: str, measured: Mapping[str, tuple[int, int]]) -> PartSizes:
    problems: list[UseProblem] = []
    base = measured.get(str(BASE))

    def beyond_base(kind: PartKind, name: str, estimate: PartSize) -> PartSize:
        part = str(PartId(kind, name))
        if part not in measured:
            return estimate
        fix = f"measure both in one run: `codeopen part test base {part}`"
        if base is None:
            problems.append(UseProblem(file, f"{part} is there without the base", fix))
            return estimate
        unpacked, compressed = (whole - below for whole, below in zip(measured[part], base, strict=True))
        if unpacked < 0 or compressed < 0:
            problems.append(UseProblem(file, f"{part} is smaller than the base", fix))
        return PartSize(unpacked, compressed, measured=True)

    known = estimate_sizes(catalog)
    found = PartSizes(
        base=known.base if base is None else PartSize(*base, measured=True),
        flavors=MappingProxyType(
            {name: beyond_base(PartKind.FLAVOR, name, size) for name, size in known.flavors.items()}
        ),
        addons=MappingProxyType({name: beyond_base(PartKind.ADDON, name, size) for name, size in known.addons.items()}),
        companions=known.companions,
    )
    if problems:
        raise UseError(problems)
    return found


def _estimate(unpacked: int) -> PartSize:
    return PartSize(unpacked, unpacked // _COMPRESSION, measured=False)


def _is_size(size: Any) -> bool:
    return size is None or (isinstance(size, int) and not isinstance(size, bool) and size >= 0)
