"""What a registry holds, as plain values: repositories with their tags and manifests, and what these name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from codeopen.errors import CodeOpenError, Failing


class RetentionError(CodeOpenError):
    """A registry can't be pruned as it was asked for: an unusable list of references, or nothing said of projects."""

    failing = Failing.INPUT


class Kind(StrEnum):
    """What a manifest is; ``OTHER`` can't be read, and is left alone where a tag names it."""

    IMAGE = "image"
    INDEX = "index"
    ATTESTATION = "attestation"
    ARTIFACT = "artifact"
    OTHER = "other"


class Key(NamedTuple):
    """A manifest in a repository. The same manifest in two repositories is kept or removed in each by itself."""

    repository: str
    digest: str

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest.removeprefix('sha256:')[:12]}"


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest. ``blobs`` are sizes by digest, without its own of ``size`` bytes; ``diff_ids`` are an image's layers.

    ``created`` is when it was made, as far as it says so.
    """

    digest: str
    size: int
    kind: Kind
    blobs: Mapping[str, int]
    diff_ids: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    subject: str = ""
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredRepository:
    """A repository: the digests of its tags, and its manifests by digest, as far as the registry lets them be found."""

    name: str
    tags: Mapping[str, str]
    manifests: Mapping[str, StoredManifest]

    def tags_of(self, digest: str) -> tuple[str, ...]:
        return tuple(sorted(tag for tag, named in self.tags.items() if named == digest))


@dataclass(frozen=True, slots=True)
class Inventory:
    """One owner's repositories by name, and the blobs that the registry's other repositories refer to."""

    host: str
    owner: str
    repositories: Mapping[str, StoredRepository]
    outside: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[tuple[Key, StoredManifest]]:
        """All manifests, in a fixed order."""
        for name in sorted(self.repositories):
            manifests = self.repositories[name].manifests
            for digest in sorted(manifests):
                yield Key(name, digest), manifests[digest]
