"""Reads what a registry has: one owner's repositories whole, of all others which blobs they refer to.

The distribution API lists tags, not manifests: what no tag, index or list of references leads to is not found. It is
neither removed nor counted.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

from codeopen.errors import RegistryError
from codeopen.images.registry.registry import Manifest, Registry
from codeopen.images.retention.ages import subject_of_tag
from codeopen.images.retention.references import Reference
from codeopen.images.retention.stored import Inventory, Kind, StoredManifest, StoredRepository

_IMAGE_CONFIGS: Final = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
_CREATED: Final = "org.opencontainers.image.created"
# Times before this are fixed ones, for the sake of the same digest everywhere.
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_WORKERS: Final = 8


class InventoryReader:
    """Reads one registry; what has been read of a digest is not read again."""

    def __init__(self, registry: Registry, owner: str, references: Iterable[Reference] = ()) -> None:
        self._registry = registry
        self._owner = owner
        self._references = tuple(references)
        self._sought: frozenset[str] = frozenset()
        self._manifests: dict[tuple[str, str], StoredManifest | None] = {}
        self._configs: dict[str, Mapping[str, Any]] = {}
        self._lock = threading.Lock()

    def read(self) -> Inventory:
        """All of it. Raises RegistryError, also where the registry does not list its repositories."""
        names = self._registry.list_repositories()
        own = [name for name in names if self.owns(name)]
        with ThreadPoolExecutor(_WORKERS) as workers:
            repositories = list(workers.map(self.read_repository, own))
            found = {digest for repository in repositories for digest in repository.manifests}
            self._sought = frozenset(each.digest for each in self._references if each.digest) - found
            if self._sought:
                # Whatever a project calls the repository, the digest says which image runs.
                repositories = list(workers.map(self.read_repository, own))
            others = list(workers.map(self.read_repository, [name for name in names if not self.owns(name)]))
        outside = {
            digest
            for repository in others
            for manifest in repository.manifests.values()
            for digest in (*manifest.blobs, manifest.digest)
        }
        by_name = {repository.name: repository for repository in repositories}
        return Inventory(self._registry.host, self._owner, by_name, frozenset(outside))

    def owns(self, repository: str) -> bool:
        """Whether a repository is below the owner."""
        return repository.startswith(f"{self._owner}/")

    def read_tags(self, repository: str) -> Mapping[str, str]:
        """The digests of a repository's tags as they are now."""
        found = {tag: self._registry.find_manifest(repository, tag) for tag in self._registry.list_tags(repository)}
        return {tag: digest for tag, digest in found.items() if digest}

    def read_repository(self, name: str) -> StoredRepository:
        """A repository as it is now: everything that its tags and the references lead to."""
        tags = self.read_tags(name)
        waiting = [*tags.values(), *filter(None, map(subject_of_tag, tags))]
        waiting += [reference.digest for reference in self._references if reference.may_be_in(name)]
        waiting += self._sought if self.owns(name) else ()
        manifests: dict[str, StoredManifest] = {}
        seen = set[str]()
        while waiting:
            digest = waiting.pop()
            if not digest or digest in seen:
                continue
            seen.add(digest)
            if manifest := self._manifest(name, digest):
                manifests[digest] = manifest
                waiting += [*manifest.children, manifest.subject]
        return StoredRepository(name, tags, manifests)

    def _manifest(self, repository: str, digest: str) -> StoredManifest | None:
        with self._lock:
            if (repository, digest) in self._manifests:
                return self._manifests[repository, digest]
        found = self._registry.get_manifest(repository, digest)
        stored = self._stored(repository, found) if found else None
        if stored:
            with self._lock:
                self._manifests[repository, digest] = stored
        return stored

    def _stored(self, repository: str, manifest: Manifest) -> StoredManifest:
        digest, size = manifest.digest, len(manifest.content)
        parsed = manifest.parsed()
        try:
            entries, subject = parsed.get("manifests"), str((parsed.get("subject") or {}).get("digest", ""))
            created = _time_in(parsed.get("annotations"))
            if entries is not None:
                children = tuple(entry["digest"] for entry in entries)
                return StoredManifest(digest, size, Kind.INDEX, {}, (), children, subject, created)
            config, layers = parsed["config"], parsed["layers"]
            blobs = {blob["digest"]: int(blob["size"]) for blob in (config, *layers)}
            kind = _kind(parsed)
            if kind is not Kind.IMAGE:
                return StoredManifest(digest, size, kind, blobs, subject=subject, created=created)
            value = self._config(repository, config["digest"])
            diff_ids = tuple((value.get("rootfs") or {}).get("diff_ids") or ())
            times = (created, _time(value.get("created")), _time_in((value.get("config") or {}).get("Labels")))
            newest = max((time for time in times if time), default=None)
            return StoredManifest(digest, size, kind, blobs, diff_ids, (), subject, newest)
        except (KeyError, TypeError, ValueError, AttributeError):
            return StoredManifest(digest, size, Kind.OTHER, {})

    def _config(self, repository: str, digest: str) -> Mapping[str, Any]:
        with self._lock:
            if digest in self._configs:
                return self._configs[digest]
        try:
            value: Mapping[str, Any] = json.loads(self._registry.read_blob(repository, digest))
        except RegistryError:
            if self._registry.has_blob(repository, digest):
                raise
            # The image is broken, and nobody can pull it: that is no reason to keep all others.
            value = {}
        with self._lock:
            self._configs[digest] = value
        return value


def _kind(manifest: Mapping[str, Any]) -> Kind:
    layers = manifest["layers"]
    if manifest.get("artifactType") or manifest["config"]["mediaType"] not in _IMAGE_CONFIGS:
        return Kind.ARTIFACT
    if layers and all("in-toto" in layer["mediaType"] for layer in layers):
        return Kind.ATTESTATION
    return Kind.IMAGE


def _time_in(annotations: Mapping[str, str] | None) -> datetime | None:
    return _time((annotations or {}).get(_CREATED))


def _time(text: Any) -> datetime | None:
    """A time as images have it, with up to nine digits of a second; nothing for a fixed one."""
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return time if time >= _EARLIEST else None
