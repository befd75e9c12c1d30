"""The index of a part: all that composing and the gate need to know of its image, computed once.

It is stored beside the image in the registry, so that no layer has to be read again. ``to_json`` and ``from_json``
give and take format 3; change a field, and FORMAT goes up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

from codeopen.errors import ComposeError
from codeopen.images.compose.debconf import DATABASES as DEBCONF
from codeopen.images.compose.entries import Deletion, Entry, EntryKind
from codeopen.images.compose.linker_cache import PATH as LINKER_CACHE
from codeopen.images.compose.links import read_links
from codeopen.images.compose.packages import DATABASES as PACKAGES
from codeopen.images.compose.packages import Packages
from codeopen.images.compose.triggers import Trigger, is_trigger_file, read_activations, read_interests

FORMAT: Final = 3
# A tar that holds nothing, as BuildKit writes one for an instruction without files. Machines mount at most 127 layers.
EMPTY_LAYER: Final = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
_MERGED: Final = frozenset((*PACKAGES, *DEBCONF, LINKER_CACHE))


@dataclass(frozen=True, slots=True)
class LayerBlob:
    """A layer as a manifest and a configuration name it; ``size`` is that of the compressed blob in bytes."""

    media_type: str
    digest: str
    size: int
    diff_id: str


@dataclass(frozen=True)
class PartIndex:
    """One image, as the gate and composing see it. What several pairs ask of it is worked out once.

    ``digest`` is its manifest's; ``layers`` leave out empty ones, and the first ``base_layers`` are the base's.
    ``entries`` are those of the layers beyond, each path as the last of them leaves it, and ``deletions`` all that any
    of these layers takes from those below it, whatever comes in its place; the base itself has all of its own.
    ``packages`` and ``files`` (the contents of files that are merged or say what triggers there are, by path) are
    those of the whole image.
    """

    digest: str
    repository: str
    platform: str
    layers: tuple[LayerBlob, ...]
    base_layers: int
    entries: Mapping[str, Entry]
    deletions: frozenset[Deletion]
    packages: Packages
    files: Mapping[str, bytes]
    config: Mapping[str, Any]

    @property
    def delta(self) -> tuple[LayerBlob, ...]:
        """The layers beyond the base's."""
        return self.layers[self.base_layers :]

    @cached_property
    def folders(self) -> frozenset[str]:
        """Every folder that an entry lies in, on all levels: tens of thousands of entries lie in few of them."""
        found: set[str] = set()
        for path in self.entries:
            folder = path.rpartition("/")[0]
            while folder and folder not in found:
                found.add(folder)
                folder = folder.rpartition("/")[0]
        return frozenset(found)

    @cached_property
    def links(self) -> Mapping[str, str]:
        """The targets of the symbolic links among the entries, by path."""
        return read_links(self.entries)

    @cached_property
    def interests(self) -> frozenset[Trigger]:
        """The explicit triggers that packages of the image wait for."""
        return read_interests(self.files)

    @cached_property
    def activations(self) -> frozenset[Trigger]:
        """The explicit triggers that packages of the image set off."""
        return read_activations(self.files)


def is_kept(path: str) -> bool:
    """Whether the index carries the contents of a file: it is merged, or says what triggers there are."""
    return path in _MERGED or is_trigger_file(path)


def to_json(index: PartIndex) -> bytes:
    """The index as compact JSON, the same for the same index."""
    value = {
        "format": FORMAT,
        "digest": index.digest,
        "repository": index.repository,
        "platform": index.platform,
        "layers": [asdict(layer) for layer in index.layers],
        "base_layers": index.base_layers,
        "entries": [_entry_to_list(index.entries[path]) for path in sorted(index.entries)],
        "deletions": [[deletion.path, deletion.inside_only] for deletion in sorted(index.deletions)],
        "packages": {
            "stanzas": dict(sorted(index.packages.stanzas.items())),
            "automatic": sorted(index.packages.automatic),
            "by_name": sorted(index.packages.by_name),
            "diversions": index.packages.diversions,
            "triggers": index.packages.triggers,
        },
        "files": {name: content.decode("latin-1") for name, content in sorted(index.files.items())},
        "config": index.config,
    }
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def from_json(data: bytes) -> PartIndex:
    """The index that ``to_json`` wrote. Raises ComposeError for another format or damaged data."""
    try:
        value = json.loads(data)
        if value["format"] != FORMAT:
            raise ComposeError(f"the index of a part has format {value['format']}, not {FORMAT}; index it again")
        packages = value["packages"]
        return PartIndex(
            digest=value["digest"],
            repository=value["repository"],
            platform=value["platform"],
            layers=tuple(LayerBlob(**layer) for layer in value["layers"]),
            base_layers=value["base_layers"],
            entries={entry.path: entry for entry in map(_entry_from_list, value["entries"])},
            deletions=frozenset(Deletion(path, inside_only) for path, inside_only in value["deletions"]),
            packages=Packages(
                stanzas=packages["stanzas"],
                automatic=frozenset(packages["automatic"]),
                by_name=frozenset(packages["by_name"]),
                diversions=tuple((source, target, package) for source, target, package in packages["diversions"]),
                triggers=tuple(packages["triggers"]),
            ),
            files={name: content.encode("latin-1") for name, content in value["files"].items()},
            config=value["config"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ComposeError(f"the index of a part is damaged ({error!r}); index it again") from error


def _entry_to_list(entry: Entry) -> list[Any]:
    fields = [entry.path, entry.kind.value, entry.mode, entry.uid, entry.gid, entry.size, entry.content]
    return [*fields, entry.attributes] if entry.attributes else fields


def _entry_from_list(fields: list[Any]) -> Entry:
    path, kind, mode, uid, gid, size, content, *attributes = fields
    pairs = tuple((key, value) for key, value in attributes[0]) if attributes else ()
    return Entry(path, EntryKind(kind), mode, uid, gid, size, content, pairs)
