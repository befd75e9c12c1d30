"""Platforms in names: of resources, and of the tags of images that are one of several."""

from __future__ import annotations

from collections.abc import Collection


def architecture(platform: str) -> str:
    """A platform in names of resources and tags, as ``amd64`` or ``arm64-v8``."""
    return platform.removeprefix("linux/").replace("/", "-")


def platform_version(version: str, platforms: Collection[str], platform: str) -> str:
    """The version tag of one platform's image; where there are several, the version itself is an index of them."""
    return version if len(platforms) == 1 else f"{version}_{architecture(platform)}"
