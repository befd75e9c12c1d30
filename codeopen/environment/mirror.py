"""Reads what set-up left for a machine that can't pull upstream images: ``mirror.json`` and its OCI image layouts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from codeopen.errors import SettingsError
from codeopen.model.plan.digest import UpstreamPin

FORMAT: Final = 1
FILE: Final = "mirror.json"


@dataclass(frozen=True, slots=True)
class MirroredUpstream:
    """A stand-in for an upstream: an OCI image layout with its manifest's digest, or an image the Engine already has.

    ``layout`` is a folder and ``digest`` is set, or else ``reference`` names the Engine's image. ``platforms`` are
    those that the whole mirror says it is for; empty where it doesn't.
    """

    version: str
    digest: str = ""
    layout: Path | None = None
    reference: str = ""
    platforms: tuple[str, ...] = ()


def read_mirror(folder: Path) -> Mapping[str, MirroredUpstream]:
    """The stand-ins in a mirror folder by upstream id. Raises SettingsError when there is none, or it is damaged."""
    file = folder / FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise SettingsError(f"codeopen:mirror: {file} has format {content['format']}, not {FORMAT}; run make setup")
        platforms = tuple(content.get("platforms", ()))
        found = {name: _read_entry(folder, entry, platforms) for name, entry in content["upstreams"].items()}
        return MappingProxyType(found)
    except FileNotFoundError:
        raise SettingsError(f"codeopen:mirror: {file} does not exist; run make setup, which makes it") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"codeopen:mirror: {file} is damaged ({error!r}); delete it, run make setup") from None


def mirror_pins(mirror: Mapping[str, MirroredUpstream]) -> Mapping[str, UpstreamPin]:
    """The pins that stand-ins put in the place of the catalog's: those that a build takes, not the Engine's own."""
    return MappingProxyType(
        {
            upstream_id: UpstreamPin(upstream_id, f"mirror/{upstream_id}", mirrored.version, mirrored.digest)
            for upstream_id, mirrored in mirror.items()
            if mirrored.layout is not None
        }
    )


def _read_entry(folder: Path, entry: Mapping[str, Any], platforms: tuple[str, ...]) -> MirroredUpstream:
    if "layout" in entry:
        layout = folder / entry["layout"]
        return MirroredUpstream(entry["version"], digest=entry["digest"], layout=layout, platforms=platforms)
    return MirroredUpstream(entry["version"], reference=entry["reference"])
