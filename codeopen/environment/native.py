"""The platform of images that this machine runs without emulation."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from codeopen.model.selection.selection import DEFAULT_PLATFORM

# As the kernels of Linux, macOS and Windows call their processors; containers run on Linux on all of them.
_PLATFORMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "x86_64": "linux/amd64",
        "amd64": "linux/amd64",
        "aarch64": "linux/arm64",
        "arm64": "linux/arm64",
    }
)


def native_platform(machine: str = platform.machine()) -> str:
    """The platform of a machine by its processor, as ``aarch64``; for one that no image is built for, the default."""
    return _PLATFORMS.get(machine.lower(), DEFAULT_PLATFORM)
