"""Kubernetes objects as plain values.

A manifest is what ``kubectl apply`` would read. Values that only exist at run time stand in it as ``SecretValue`` or
``Reference``: components put the outputs of other resources there, ``codeopen render`` a word in capitals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

GROUP: Final = "codeopen.dev"
"""The prefix of the project's own labels and annotations."""

MANAGED_BY: Final = {"app.kubernetes.io/managed-by": "codeopen"}
SKIP_AWAIT: Final = {"pulumi.com/skipAwait": "true"}
"""For objects that may rightly never become ready: pulumi-kubernetes would wait ten minutes, then fail."""

# The whole file system of a container that needs no right: the ``restricted`` Pod Security Standard.
RESTRICTED_CONTAINER: Final[Mapping[str, Any]] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}


@dataclass(frozen=True, slots=True)
class SecretValue:
    """A value that must not be written to a file: ``name`` says which, as ``opencode-password``."""

    name: str


@dataclass(frozen=True, slots=True)
class Reference:
    """An image's ``repository@sha256:…`` that another resource makes: ``name`` says which, as ``js-code``.

    ``tag`` is what stands for it where nothing was made, as in rendered files of a stack that never ran.
    """

    name: str
    tag: str


@dataclass(frozen=True, slots=True)
class Object:
    """One Kubernetes object. ``retain``: it outlives its stack, and ``pulumi destroy`` refuses to remove it.

    ``after`` names the objects (as ``kind/name``) that must be there before; the namespace is always one of them.
    """

    manifest: Mapping[str, Any]
    retain: bool = False
    after: tuple[str, ...] = ()
    replace_on: tuple[str, ...] = field(default=())

    @property
    def kind(self) -> str:
        return str(self.manifest["kind"])

    @property
    def api_version(self) -> str:
        return str(self.manifest["apiVersion"])

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Empty for an object of the whole cluster."""
        return str(self.manifest["metadata"].get("namespace", ""))

    @property
    def key(self) -> str:
        """Its name within one component, as ``service/workspace``."""
        return f"{self.kind.lower()}/{self.name}"


def make_object(  # noqa: PLR0913 - the fields that every object has
    api_version: str,
    kind: str,
    name: str,
    body: Mapping[str, Any],
    *,
    namespace: str = "",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    retain: bool = False,
    after: tuple[str, ...] = (),
) -> Object:
    """An object with the labels that all of the project's have; ``body`` is everything beside the metadata."""
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    metadata["labels"] = {**MANAGED_BY, **(labels or {})}
    if annotations:
        metadata["annotations"] = dict(annotations)
    return Object({"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}, retain, after)


def fill(value: Any, replace: Callable[[SecretValue | Reference], Any]) -> Any:
    """The same value with every ``SecretValue`` and ``Reference`` replaced, as plain dicts and lists."""
    if isinstance(value, SecretValue | Reference):
        return replace(value)
    if isinstance(value, Mapping):
        return {key: fill(item, replace) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [fill(item, replace) for item in value]
    return value
