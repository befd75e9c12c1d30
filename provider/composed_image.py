"""``codeopen:index:ComposedImage``: a combination of parts, composed in the registry, or chained where it must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any, ClassVar, Final

from codeopen.errors import CodeOpenError
from codeopen.images.compose.store import IndexStore
from codeopen.images.compose.verdicts import Verdicts
from codeopen.images.locks.file_lock import FileLocks
from codeopen.images.ondemand.builders.choice import choose_builder
from codeopen.images.ondemand.chains import ChainMember, build_chain
from codeopen.images.ondemand.composing import (
    METHOD_LABEL,
    REASON_LABEL,
    Combined,
    Identity,
    Ingredients,
    Tools,
    combine_once,
    method_of,
    reason_of,
)
from codeopen.images.ondemand.events import Event as Progress
from codeopen.images.ondemand.events import Tell
from codeopen.images.ondemand.opening import cache_folder
from codeopen.images.ondemand.tags import read_labels
from codeopen.images.registry.registry import Registry
from provider.common import BEFORE_TAG, DIGEST, REPOSITORY, VERSION, signing_hook
from provider.protocol.errors import PluginError
from provider.protocol.properties import Change, Kind, Property
from provider.protocol.resource import Change as InPlaceChange
from provider.protocol.resource import Observed, ResourceType, Stored
from provider.protocol.values import UNKNOWN, Properties, Value

_WORKERS: Final = 8
_PART_FIELDS: Final[Mapping[str, Property]] = {
    "name": Property(Kind.STRING, required=True),
    "planDigest": DIGEST,
    "reference": Property(Kind.STRING, required=True),
    "context": Property(Kind.STRING, compared=False, differs="only for chains; the plan digest says what it holds"),
    "namedContexts": Property(Kind.STRING_MAP, compared=False, differs="only for chains; as context"),
    "buildArguments": Property(Kind.STRING_MAP, compared=False, differs="only for chains; as context"),
    "labels": Property(Kind.STRING_MAP, compared=False, differs="only for chains; as context"),
}


class ComposedImage(ResourceType):
    """The image of ``parts`` (the flavor's first, add-ons in layer order) on ``base``, whatever its method.

    Parts that the gate passes are composed in the registry, without moving their layers; those that it refuses are
    built as a chain by ``builder`` and composed with the rest. ``ref`` is ``repository@digest``, ``method`` is
    ``composed`` or ``chained``, ``reason`` says why something was chained, ``adopted`` that an image of this plan was
    there. ``beforeTag`` is run on what is made, before it gets its tags. Changed parts are an update in place; the
    image before it stays, and deleting this deletes nothing: a retention command owns that.
    """

    token: ClassVar[str] = "codeopen:index:ComposedImage"  # noqa: S105 - a type token, not a secret
    table: ClassVar[Mapping[str, Property]] = {
        "repository": REPOSITORY,
        "platform": Property(Kind.STRING, required=True),
        "version": Property(VERSION.kind, change=Change.UPDATE, required=True, canonical=VERSION.canonical),
        "planDigest": Property(DIGEST.kind, change=Change.UPDATE, required=True, canonical=DIGEST.canonical),
        "base": Property(Kind.STRING, change=Change.UPDATE, required=True),
        "parts": Property(Kind.OBJECTS, change=Change.UPDATE, required=True, fields=_PART_FIELDS),
        "builder": Property(Kind.STRING, compared=False, required=True, differs="never a change by itself"),
        "beforeTag": BEFORE_TAG,
    }
    computed: ClassVar[tuple[str, ...]] = ("ref", "method", "reason", "adopted")

    def preview_update(self, inputs: Properties, outputs: Properties) -> Properties:
        """Another plan gives another image, known when it is made."""
        if inputs.get("planDigest") == outputs.get("planDigest") and inputs.get("version") == outputs.get("version"):
            return super().preview_update(inputs, outputs)
        return {**inputs, **dict.fromkeys(self.computed, UNKNOWN)}

    def create(self, inputs: Properties, cancelled: Event) -> Stored:
        outputs = _combine(inputs, cancelled)
        return Stored(str(outputs["ref"]), outputs)

    def read(self, identifier: str, inputs: Properties, outputs: Properties) -> Observed | None:
        if not inputs or "ref" not in outputs:
            raise PluginError(f"the composed image {identifier} can't be imported; let Pulumi create it")
        host, repository = _split(str(inputs["repository"]))
        try:
            there = Registry(host).find_manifest(repository, str(outputs["ref"]).rpartition("@")[2])
        except CodeOpenError as error:
            raise PluginError(str(error)) from error
        return Observed(identifier, inputs, outputs) if there else None

    def update(self, change: InPlaceChange, outputs: Properties, cancelled: Event) -> Properties:  # noqa: ARG002
        return _combine(change.new, cancelled)

    def delete(self, identifier: str, outputs: Properties) -> None:
        """Nothing is deleted from a registry by a replacement or a destroy."""


def _combine(inputs: Properties, cancelled: Event) -> Properties:
    host, repository = _split(str(inputs["repository"]))
    identity = Identity(repository, str(inputs["version"]), str(inputs["planDigest"]), str(inputs["platform"]))
    registry, cache = Registry(host), cache_folder()
    try:
        with ThreadPoolExecutor(_WORKERS) as workers:
            locks = FileLocks(cache / "locks")
            store, hook = IndexStore(registry, cache / "indexes"), signing_hook(inputs)
            tools = Tools(registry, store, Verdicts(cache), locks, workers, before_tag=hook)
            combined = combine_once(tools, identity, lambda tell: _gather(inputs, tools, tell), _watch(cancelled))
        return {**inputs, "ref": combined.reference, **_story(registry, repository, combined)}
    except CodeOpenError as error:
        raise PluginError(str(error)) from error


def _gather(inputs: Properties, tools: Tools, tell: Tell) -> Ingredients:
    parts: Sequence[Mapping[str, Value]] = inputs["parts"]
    members = {str(part["name"]): _member(part) for part in parts}

    def chain(unit: Sequence[str]) -> str:
        builder = choose_builder(str(inputs["builder"]), Path.cwd(), tools.registry)
        owner = str(inputs["repository"]).partition("/")[2].rpartition("/")[0]
        where = (owner, str(inputs["version"]), str(inputs["platform"]))
        return build_chain(tools, builder, [members[name] for name in unit], where, tell)

    return Ingredients(str(inputs["base"]), {name: member.reference for name, member in members.items()}, chain)


def _member(part: Mapping[str, Any]) -> ChainMember:
    return ChainMember(
        name=str(part["name"]),
        plan_digest=str(part["planDigest"]),
        reference=str(part["reference"]),
        context=str(part.get("context") or ""),
        named_contexts=dict(part.get("namedContexts") or {}),
        build_arguments=dict(part.get("buildArguments") or {}),
        labels=dict(part.get("labels") or {}),
    )


def _story(registry: Registry, repository: str, combined: Combined) -> dict[str, Value]:
    """How the image came to be: as this run knows, or as its labels say."""
    if combined.arrangement is None:
        labels = read_labels(registry, repository, combined.reference.rpartition("@")[2])
        return {"method": labels.get(METHOD_LABEL, "chained"), "reason": labels.get(REASON_LABEL, ""), "adopted": True}
    arrangement = combined.arrangement
    return {"method": method_of(arrangement).value, "reason": reason_of(arrangement), "adopted": False}


def _watch(cancelled: Event) -> Tell:
    def tell(event: Progress) -> None:
        if cancelled.is_set():
            raise PluginError(f"{event.subject}: cancelled while {event.text}; the next run goes on from what is there")

    return tell


def _split(repository: str) -> tuple[str, str]:
    host, _, name = repository.partition("/")
    return host, name
