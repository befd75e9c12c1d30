"""Cargo's cache of a registry's index: one file for each crate, which describes its versions."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

_FORMAT_BYTES = 5  # the version of the cache's format, and four bytes for that of the index
_UNKNOWN_STATE = b"Unknown"  # what Cargo writes when it can't tell the state of the registry: it asks again when online


@dataclass(frozen=True)
class LockedCrate:
    """A version of a crate that a Cargo.lock names."""

    name: str
    version: str

    @property
    def archive(self) -> str:
        """The file name of the crate's archive."""
        return f"{self.name}-{self.version}.crate"

    @property
    def index_path(self) -> Path:
        """Where an index has the crate: short names in folders by length, the others by their first letters."""
        name = self.name.lower()
        match len(name):
            case 1 | 2:
                return Path(str(len(name)), name)
            case 3:
                return Path("3", name[0], name)
            case _:
                return Path(name[:2], name[2:4], name)


@dataclass(frozen=True)
class IndexFile:
    """What the cache says about a crate."""

    format: bytes
    state: bytes
    versions: dict[str, bytes]

    @classmethod
    def parse(cls, data: bytes) -> IndexFile:
        """Read the file's bytes."""
        state, *fields = data[_FORMAT_BYTES:].removesuffix(b"\0").split(b"\0")
        names = [field.decode() for field in fields[::2]]
        return cls(data[:_FORMAT_BYTES], state, dict(zip(names, fields[1::2], strict=True)))

    def render(self) -> bytes:
        """Give the file's bytes."""
        fields = [self.state, *(field for name, text in self.versions.items() for field in (name.encode(), text))]
        return self.format + b"\0".join(fields) + b"\0"

    def keep_only(self, versions: set[str]) -> IndexFile:
        """Leave out other versions; the registry is asked for them as soon as there is network."""
        kept = {name: text for name, text in self.versions.items() if name in versions}
        return replace(self, state=_UNKNOWN_STATE, versions=kept)

    def completed_by(self, other: IndexFile) -> IndexFile:
        """Add the versions that only the other one has. Another format can't be mixed and gives way."""
        if self.format != other.format:
            return other
        return replace(self, versions={**other.versions, **self.versions})


def locked_crates(lock: str) -> list[LockedCrate]:
    """List the crates that a Cargo.lock takes from a registry."""
    pattern = r'^name = "(.+)"\nversion = "(.+)"\nsource = "registry\+'
    return [LockedCrate(name, version) for name, version in re.findall(pattern, lock, re.MULTILINE)]
