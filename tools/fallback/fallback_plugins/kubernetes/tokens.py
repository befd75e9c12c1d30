"""Type tokens of the official SDK, as ``kubernetes:apps/v1:StatefulSet``, and the kinds that they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from provider.protocol.errors import PluginError

NOT_OBJECTS: Final = {"helm.sh", "kustomize", "yaml", "meta"}
"""What the official plugin computes itself, under the first part of the token's module."""


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """An API version, as an object's ``apiVersion`` has it, and a kind."""

    api_version: str
    kind: str

    @property
    def group(self) -> str:
        """The API group; empty for that of pods and services."""
        return self.api_version.rpartition("/")[0]


def kind_of(token: str, who: str) -> ObjectKind:
    """The kind that a token stands for. Raises PluginError, naming the token, where it is no single object."""
    _, module, kind = token.split(":")
    group, _, version = module.rpartition("/")
    # Custom resources may be called as they like; in Kubernetes' own groups these suffixes are types of Pulumi's.
    own = "." not in group or group.endswith(".k8s.io")
    if not group or group in NOT_OBJECTS or (own and kind.endswith(("Patch", "List"))):
        raise PluginError(
            f"the type {token} is not supported by {who}; supported: every type of a single Kubernetes object"
        )
    return ObjectKind(version if group == "core" else module, kind)
