"""What several types of this provider share: properties that name images, and the repository that they lie in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from codeopen.images.ondemand.signing import Hook, command_hook
from provider.protocol.properties import Kind, Property
from provider.protocol.values import Value
from provider.registry import TRANSFER_SECONDS, Repository

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_REPOSITORY: Final = re.compile(r"(localhost|[^/]*[.:][^/]*)(/[a-z0-9]+([._-]+[a-z0-9]+)*)+")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
"""Source: OCI distribution-spec, "Pulling manifests"."""


def _digest(value: Value) -> Value:
    if not _DIGEST.fullmatch(value):
        raise ValueError("must be sha256: and 64 hexadecimal digits")
    return value


def _repository(value: Value) -> Value:
    if not _REPOSITORY.fullmatch(value):
        raise ValueError("must be a registry's host (with a dot, a port, or localhost), a slash and a repository name")
    return value


def _tag(value: Value) -> Value:
    if not _TAG.fullmatch(value):
        raise ValueError(
            "must be a tag: up to 128 letters, digits, dots, hyphens and underscores, no dot or hyphen first"
        )
    return value


DIGEST: Final = Property(Kind.STRING, required=True, canonical=_digest)
REPOSITORY: Final = Property(Kind.STRING, required=True, canonical=_repository)
VERSION: Final = Property(Kind.STRING, required=True, canonical=_tag)
INSECURE: Final = Property(
    Kind.BOOLEAN,
    compared=False,
    default=False,
    differs="without effect: loopback addresses get plain HTTP",
)
BEFORE_TAG: Final = Property(Kind.STRING, compared=False, differs="a command that signs; never a change by itself")


def signing_hook(inputs: Mapping[str, Value]) -> Hook | None:
    """What ``beforeTag`` runs on an image before its tags are written. Raises OnDemandError for what is no command."""
    return command_hook(str(inputs.get("beforeTag") or ""), "codeopen:beforeTag")


def open_repository(inputs: Mapping[str, Value], seconds: float = TRANSFER_SECONDS) -> Repository:
    """The repository that ``repository`` names; a request may make no progress for ``seconds``."""
    return Repository(str(inputs["repository"]), seconds=seconds)
