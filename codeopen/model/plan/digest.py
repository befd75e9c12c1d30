"""Plan digests: what a part's image will be made of, as one hash that is known before anything is built.

The hash is over canonical JSON (sorted keys, no white space, ASCII) of the ``PlanInputs``: change the encoding or the
meaning of a field, and FORMAT goes up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from codeopen.model.plan.context import ContextFile

FORMAT: Final = 3
PLAN_LABEL: Final = "dev.codeopen.plan-digest"
_TAG_DIGITS: Final = 32  # 128 bits; a whole digest with its algorithm is no legal tag


@dataclass(frozen=True, slots=True, order=True)
class UpstreamPin:
    """One upstream as a stack uses it: the catalog's pin, or the stack's override of it.

    ``digest`` is empty where the content is pinned elsewhere: by a lock file in the context, or by a snapshot's id.
    """

    id: str
    reference: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """All that a part's plan digest depends on; kept, so that a difference between two plans can be explained.

    ``files`` are ordered by path, ``upstreams`` by id, ``build_arguments`` by name; ``parent`` is the plan digest of
    the part that this one is built on, ``None`` for the base; ``takes`` are name and plan digest of the other parts
    that its Dockerfile uses, ordered by name; ``labels`` are those that nothing else here decides, ordered by name.
    """

    part: str
    platform: str
    dockerfile: str
    files: tuple[ContextFile, ...]
    upstreams: tuple[UpstreamPin, ...]
    build_arguments: tuple[tuple[str, str], ...]
    parent: str | None
    takes: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()


def plan_digest(inputs: PlanInputs) -> str:
    """The plan digest of a part on one platform, as ``sha256:`` and 64 hexadecimal digits."""
    return _digest(
        {
            "format": FORMAT,
            "part": inputs.part,
            "platform": inputs.platform,
            "dockerfile": inputs.dockerfile,
            "files": [[file.path, file.executable, file.link, file.digest] for file in inputs.files],
            "upstreams": [[pin.id, pin.reference, pin.version, pin.digest] for pin in inputs.upstreams],
            "build_arguments": [list(argument) for argument in inputs.build_arguments],
            "parent": inputs.parent,
            "takes": [list(taken) for taken in inputs.takes],
            "labels": [list(label) for label in inputs.labels],
        }
    )


def combination_digest(platform: str, parts: Iterable[str]) -> str:
    """The plan digest of a combination: of its parts' plan digests, the flavor's first, add-ons in layer order."""
    return _digest({"format": FORMAT, "platform": platform, "combination": list(parts)})


def plan_tag(digest: str) -> str:
    """The tag of the image that is published for a plan digest, as ``plan-0123456789abcdef0123456789abcdef``."""
    return f"plan-{digest.partition(':')[2][:_TAG_DIGITS]}"


def index_digest(digests: Mapping[str, str]) -> str:
    """The plan digest of an image for several platforms: of its plan digests by platform."""
    return _digest({"format": FORMAT, "platforms": dict(digests)})


def substitute_digest(digests: Mapping[str, str]) -> str:
    """The pin of what is built in an upstream's place: of its plan digests by platform."""
    return _digest({"format": FORMAT, "substitute": dict(digests)})


def _digest(value: Mapping[str, object]) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode('ascii')).hexdigest()}"
