"""What images take in a registry: every manifest, configuration and layer, each once."""

from __future__ import annotations

from codeopen.images.registry.registry import Registry


def blobs_of(registry: Registry, reference: str) -> dict[str, int]:
    """Digests and sizes of all that ``host/repository@digest`` is made of, an index's images too."""
    repository, _, digest = reference.partition("/")[2].partition("@")
    manifest = registry.read_manifest(repository, digest)
    parsed = manifest.parsed()
    blobs = {manifest.digest: len(manifest.content)}
    for child in parsed.get("manifests", []):
        blobs |= blobs_of(registry, f"{registry.host}/{repository}@{child['digest']}")
    if "config" in parsed:
        blobs |= {each["digest"]: each["size"] for each in (parsed["config"], *parsed["layers"])}
    return blobs


class Kept:
    """Counts the bytes of images that a registry did not hold before, as they come."""

    def __init__(self, registry: Registry, known: set[str]) -> None:
        self._registry = registry
        self._known = set(known)

    def add(self, reference: str) -> int:
        """The bytes that an image needs beyond all before it."""
        blobs = blobs_of(self._registry, reference)
        new = {digest: size for digest, size in blobs.items() if digest not in self._known}
        self._known |= new.keys()
        return sum(new.values())
