"""Where the indexes of parts are kept: beside each part in its registry, and in a cache of this machine.

An index is an artifact with the part's image as its subject; its type names the format, so that checkouts of several
formats share a registry. What can't be read is as good as missing: it is made again from the layers. Source: OCI
Distribution Specification 1.1, "Referrers Tag Schema", which also registries without the referrers API can hold.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO, Any, Final

from codeopen.errors import ComposeError, RegistryError
from codeopen.images.compose.image import MANIFEST_TYPE, document
from codeopen.images.compose.indexing import index_part, list_layers
from codeopen.images.compose.part_index import FORMAT, PartIndex, from_json, to_json
from codeopen.images.compose.storage import read_file, write_file
from codeopen.images.registry.registry import Manifest, Registry, digest_of

ARTIFACT_TYPE: Final = f"application/vnd.codeopen.part-index.v{FORMAT}+json"
_BLOB_TYPE: Final = f"{ARTIFACT_TYPE}+gzip"
_INDEX_TYPE: Final = "application/vnd.oci.image.index.v1+json"
_EMPTY_TYPE: Final = "application/vnd.oci.empty.v1+json"
_EMPTY: Final = b"{}"
_BASE: Final = "dev.codeopen.base"
_PLATFORM: Final = "dev.codeopen.platform"
_RECENT: Final = 48  # indexes in memory; a large one takes some 20 MB
_ATTESTATION: Final = "vnd.docker.reference.type"


@dataclass(frozen=True, slots=True)
class PartImage:
    """A part's image in a registry: its repository there, its digest, and the platform that is meant."""

    repository: str
    digest: str
    platform: str


class IndexStore:
    """The indexes of the parts of one registry; ``cache`` is a folder of this machine that may go at any time.

    The last few dozen stay in memory: reading one takes longer than composing with it.
    """

    def __init__(self, registry: Registry, cache: Path) -> None:
        self._registry = registry
        self._cache = cache
        self._recent: OrderedDict[tuple[PartImage, str], PartIndex] = OrderedDict()
        self._lock = Lock()

    def get(self, image: PartImage, base: PartIndex | None) -> PartIndex:
        """The index of a part, which is made and kept if nobody has done so yet. Raises ComposeError, RegistryError."""
        on = base.digest if base else ""
        with self._lock:
            if recent := self._recent.get((image, on)):
                self._recent.move_to_end((image, on))
                return recent
        index = self._load(image, on, base)
        with self._lock:
            self._recent[image, on] = index
            while len(self._recent) > _RECENT:
                self._recent.popitem(last=False)
        return index

    def _load(self, image: PartImage, on: str, base: PartIndex | None) -> PartIndex:
        name = f"{image.repository}@{image.digest} {image.platform} {on}"
        kept = self._cache / f"{FORMAT}-{digest_of(name.encode()).partition(':')[2]}.json.gz"
        content = read_file(kept)
        if content is not None and (index := _read(content, image)):
            return index
        if found := self._fetch(image, on):
            content, index = found
        else:
            data = to_json(self._make(image, base))
            content, index = gzip.compress(data, compresslevel=6, mtime=0), from_json(data)
            self._push(image, on, content)
        write_file(kept, content)
        return index

    def _make(self, image: PartImage, base: PartIndex | None) -> PartIndex:
        manifest = self._image_manifest(image)
        parsed = manifest.parsed()
        config: Mapping[str, Any] = json.loads(
            self._registry.read_blob(image.repository, parsed["config"]["digest"]).decode()
        )

        def open_blob(layer: Any) -> AbstractContextManager[IO[bytes]]:
            return self._registry.open_blob(image.repository, layer.digest)

        identity = (image.repository, manifest.digest, image.platform)
        return index_part(identity, list_layers(parsed, config), config, base, open_blob)

    def _image_manifest(self, image: PartImage) -> Manifest:
        """The manifest of the platform: of an index its entry, past the attestations that builders put beside it."""
        manifest = self._registry.read_manifest(image.repository, image.digest)
        entries = manifest.parsed().get("manifests")
        if entries is None:
            return manifest
        for entry in entries:
            if _ATTESTATION not in entry.get("annotations", {}) and _platform_of(entry) == image.platform:
                return self._registry.read_manifest(image.repository, entry["digest"])
        raise ComposeError(f"{image.repository}@{image.digest}: it has no image for {image.platform}")

    def _fetch(self, image: PartImage, on: str) -> tuple[bytes, PartIndex] | None:
        """The index that is kept beside the image, of what it has beyond the base of that digest, compressed too."""
        listing = self._registry.get_manifest(image.repository, _referrers_tag(image.digest))
        for entry in listing.parsed().get("manifests", ()) if listing else ():
            # One that is collected or damaged; a registry that is down says so again to who reads the layers.
            with suppress(RegistryError, KeyError, IndexError, TypeError):
                if _is_about(entry, on, image.platform):
                    artifact = self._registry.read_manifest(image.repository, entry["digest"]).parsed()
                    content = self._registry.read_blob(image.repository, artifact["layers"][0]["digest"])
                    if index := _read(content, image):
                        return content, index
        return None

    def _push(self, image: PartImage, on: str, content: bytes) -> None:
        repository, registry = image.repository, self._registry
        annotations = {_BASE: on, _PLATFORM: image.platform}
        blob = {"mediaType": _BLOB_TYPE, "digest": digest_of(content), "size": len(content)}
        empty = {"mediaType": _EMPTY_TYPE, "digest": digest_of(_EMPTY), "size": len(_EMPTY)}
        subject = registry.read_manifest(repository, image.digest)
        artifact = document(
            MANIFEST_TYPE,
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "artifactType": ARTIFACT_TYPE,
                "config": empty,
                "layers": [blob],
                "annotations": annotations,
                "subject": {
                    "mediaType": subject.media_type,
                    "digest": image.digest,
                    "size": len(subject.content),
                },
            },
        )
        registry.upload_blob(repository, str(blob["digest"]), content)
        registry.upload_blob(repository, str(empty["digest"]), _EMPTY)
        registry.write_manifest(repository, artifact.digest, artifact.media_type, artifact.content)
        self._refer(
            image,
            {
                "mediaType": MANIFEST_TYPE,
                "artifactType": ARTIFACT_TYPE,
                "annotations": annotations,
                "digest": artifact.digest,
                "size": len(artifact.content),
            },
        )

    def _refer(self, image: PartImage, entry: Mapping[str, Any]) -> None:
        """Add an entry to the tag that lists what refers to the image, in the place of unreadable ones of its kind.

        Two at once write the same one.
        """
        tag, on = _referrers_tag(image.digest), entry["annotations"][_BASE]
        before = self._registry.get_manifest(image.repository, tag)
        there: list[Any] = before.parsed().get("manifests", []) if before else []
        replaced = [each for each in there if _is_about(each, on, image.platform) or each["digest"] == entry["digest"]]
        entries = [each for each in there if each not in replaced] + [dict(entry)]
        index = document(_INDEX_TYPE, {"schemaVersion": 2, "mediaType": _INDEX_TYPE, "manifests": entries})
        self._registry.write_manifest(image.repository, tag, index.media_type, index.content)
        gone = {each["digest"] for each in replaced} | ({before.digest} if before else set())
        for digest in sorted(gone - {entry["digest"], index.digest}):
            # Without a tag or an entry nobody would find it any more, and it would hold its blobs for good.
            with suppress(RegistryError):  # one that deletes nothing keeps some bytes
                self._registry.delete_manifest(image.repository, digest)


def _is_about(entry: Mapping[str, Any], on: str, platform: str) -> bool:
    """Whether an entry of a list of referrers is an index of this format, on that base and for that platform."""
    annotations = entry.get("annotations") or {}
    return (entry.get("artifactType"), annotations.get(_BASE), annotations.get(_PLATFORM)) == (
        ARTIFACT_TYPE,
        on,
        platform,
    )


def _read(content: bytes, image: PartImage) -> PartIndex | None:
    """The compressed index of an image; nothing where it is damaged, of another format, or of another image."""
    try:
        index = from_json(gzip.decompress(content))
    except (ComposeError, EOFError, gzip.BadGzipFile, zlib.error):
        return None
    return index if (index.repository, index.platform) == (image.repository, image.platform) else None


def _referrers_tag(digest: str) -> str:
    return digest.replace(":", "-")


def _platform_of(entry: Mapping[str, Any]) -> str:
    platform = entry.get("platform", {})
    return "/".join(
        word for word in (platform.get("os"), platform.get("architecture"), platform.get("variant")) if word
    )
