"""What is built for a platform has all its pins for it, and what is not says why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from codeopen.errors import Problem
from codeopen.model.catalog.draft import Draft, items
from codeopen.model.catalog.model import Addon, Companion, Flavor, Source, Upstream, UpstreamKind
from codeopen.model.catalog.source import KeyPath

_ARCHITECTURE: Final = re.compile(r"(?<![a-z0-9])(?:amd64|x86[_-]64|x64|arm64|aarch64)(?![a-z0-9])", re.IGNORECASE)


def base_has_every_platform(draft: Draft) -> Iterator[Problem]:
    if draft.base is None:
        return
    for part in draft.parts():
        for path, platform in items((*part.path, "platforms"), part.platforms):
            if platform not in draft.base.platforms:
                fix = f"add {platform} to the base's platforms, or remove it here"
                yield draft.problem(path, f"the base is not built for {platform}", fix)


def parts_have_their_pins(draft: Draft) -> Iterator[Problem]:
    for part in draft.parts():
        upstreams = [draft.upstreams[name] for name in part.upstreams if name in draft.upstreams]
        for path, platform in items((*part.path, "platforms"), part.platforms):
            for upstream in upstreams:
                if not upstream.has(platform):
                    fix = f"add its pin to upstreams.yaml, or remove {platform} here"
                    yield draft.problem(path, f'there is no pin of "{upstream.id}" for {platform}', fix)


def taken_flavors_have_the_platforms(draft: Draft) -> Iterator[Problem]:
    for flavor in draft.flavors.values():
        taken = [draft.flavors[name] for name in flavor.takes if name in draft.flavors]
        for path, platform in items(("flavors", flavor.id, "platforms"), flavor.platforms):
            for other in taken:
                if platform not in other.platforms:
                    what = f"{other.id}, which it takes from, is not built for {platform}"
                    yield draft.problem(path, what, f"add {platform} to the platforms of {other.id}, or remove it here")


def parts_say_why_not(draft: Draft) -> Iterator[Problem]:
    if draft.base is None or not draft.whole >= {"flavors", "upstreams"}:
        return
    for topic, parts in _records(draft).items():
        for part in parts.values():
            for platform in draft.base.platforms:
                if platform not in part.platforms and not _explained(draft, part, platform):
                    what = f"nothing says why it is not built for {platform}"
                    fix = f"add {platform}, or the reason to not_for, of the part or of an upstream"
                    yield draft.problem((topic, part.id, "platforms"), what, fix)


def _records(draft: Draft) -> Mapping[str, Mapping[str, Flavor | Addon | Companion]]:
    return {"flavors": draft.flavors, "addons": draft.addons, "companions": draft.companions}


def _explained(draft: Draft, part: Flavor | Addon | Companion, platform: str) -> bool:
    upstreams = (draft.upstreams[name] for name in part.upstreams if name in draft.upstreams)
    taken = part.takes if isinstance(part, Flavor) else ()
    return (
        platform in part.not_for
        or any(platform in upstream.not_for for upstream in upstreams)
        or any(name in draft.flavors and _explained(draft, draft.flavors[name], platform) for name in taken)
    )


def upstreams_say_why_not(draft: Draft) -> Iterator[Problem]:
    for upstream in draft.upstreams.values():
        key = "files" if upstream.files else "platforms"
        pinned = tuple(upstream.files or upstream.platforms)
        for platform in draft.base.platforms if draft.base and pinned else ():
            if platform not in pinned and platform not in upstream.not_for:
                what = f"there is no pin for {platform}, and nothing says why"
                yield draft.problem(("upstreams", upstream.id, key), what, "add it, or the reason to not_for")
        for platform in upstream.not_for:
            if platform in pinned:
                path = ("upstreams", upstream.id, "not_for", platform)
                yield draft.problem(path, f"there is a pin for {platform}", "remove the reason, or the pin")


def parts_without_a_platform_are_not_built_for_it(draft: Draft) -> Iterator[Problem]:
    for topic, parts in _records(draft).items():
        for part in parts.values():
            for platform in part.not_for:
                if platform in part.platforms:
                    path = (topic, part.id, "not_for", platform)
                    yield draft.problem(path, f"it is built for {platform}", "remove the reason, or the platform")


def files_of_one_architecture_say_so(draft: Draft) -> Iterator[Problem]:
    """One file for all platforms is for none in particular, so its address names no architecture."""
    for upstream in draft.upstreams.values():
        found = _ARCHITECTURE.search(upstream.reference) if upstream.kind is UpstreamKind.FILE else None
        if found and len(upstream.not_for) + 1 < len(draft.base.platforms if draft.base else ()):
            what = f"the address is that of a file for {found[0]}"
            fix = "write one for each platform in files, or the reason to not_for"
            yield draft.problem(("upstreams", upstream.id, "reference"), what, fix)


def sources(upstream: Upstream) -> Iterator[tuple[KeyPath, Source]]:
    """All that a file's upstream pins, with the paths of their addresses."""
    if not upstream.files:
        yield ("upstreams", upstream.id, "reference"), Source(upstream.reference, upstream.digest)
    for platform, source in upstream.files.items():
        yield ("upstreams", upstream.id, "files", platform, "reference"), source
