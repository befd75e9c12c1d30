"""An image as it was found: its configuration, its layers and its files, beside what it is expected to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codeopen.images.registry.contents import read_contents
from codeopen.images.verify.expectation import Expectation
from codeopen.images.verify.layers import FileEntry, Layer, LayerReader, merge_layers


@dataclass(frozen=True, slots=True)
class Found:
    """What a registry has of an image. ``files`` are those that a container sees."""

    config: Mapping[str, Any]
    history: tuple[str, ...]
    layers: tuple[Layer, ...]
    files: Mapping[str, FileEntry]

    @property
    def env(self) -> Mapping[str, str]:
        return dict(text.partition("=")[::2] for text in self.config.get("Env") or [])

    @property
    def labels(self) -> Mapping[str, str]:
        return dict(self.config.get("Labels") or {})


@dataclass(frozen=True, slots=True)
class Evidence:
    """The subject of an image's rules. ``base`` is the image that this one stands on, or the image itself."""

    expected: Expectation
    found: Found
    base: Found


def look_into(reference: str, reader: LayerReader) -> Found:
    """Read an image ``host:port/repository@digest``. Raises RegistryError."""
    contents = read_contents(reference)
    layers = tuple(reader.read(reference, layer) for layer in contents.layers)
    return Found(
        config=contents.config.get("config") or {},
        history=tuple(entry.get("created_by", "") for entry in contents.config.get("history") or []),
        layers=layers,
        files=merge_layers(layers),
    )
