"""Versions of images as tags: which of them never move.

Source: semver.org 2.0.0, items 2 and 9; a tag can't hold build metadata.
"""

from __future__ import annotations

import re
from typing import Final

_NUMBER: Final = r"(?:0|[1-9][0-9]*)"
_RELEASE: Final = rf"({_NUMBER}\.{_NUMBER})\.({_NUMBER})"
_IDENTIFIER: Final = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
# The image of one platform has its own behind the version, as 0.0.3-dev_amd64, which SemVer doesn't know.
_PLATFORM: Final = r"(?:_(?:386|[a-z][0-9a-z-]*))?"
_PRE_RELEASE: Final = re.compile(rf"{_RELEASE}-{_IDENTIFIER}(?:\.{_IDENTIFIER})*{_PLATFORM}")


def is_released(version: str) -> bool:
    """Whether a tag never moves: all but SemVer's pre-releases (``0.0.3-dev.1``), whatever else it may be."""
    return _PRE_RELEASE.fullmatch(version) is None


def next_pre_release(version: str) -> str:
    """A pre-release after a version, for advice: ``0.0.2`` gives ``0.0.3-dev``."""
    release = re.fullmatch(_RELEASE, version)
    return f"{release[1]}.{int(release[2]) + 1}-dev" if release else "0.0.3-dev"
