"""One Kubernetes object of any kind as a resource: created with a POST, changed by server-side apply."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Event
from typing import Any, ClassVar, Final

from fallback_plugins.kubernetes.ownership import MANAGER, takeover
from fallback_plugins.kubernetes.replacing import Mutable, compare, replacing_fields
from fallback_plugins.kubernetes.shape import (
    DASHED,
    SERVER_METADATA,
    UNDERSCORED,
    normalized,
    overlaid,
    pruned,
    renamed,
    without,
)
from fallback_plugins.kubernetes.tokens import ObjectKind
from provider.kubernetes.api import Api, ApiError, KindMissingError, Place, Request, Task
from provider.protocol.errors import PluginError
from provider.protocol.properties import Difference, Failure, Property
from provider.protocol.resource import Change, Observed, ResourceType, Stored
from provider.protocol.values import UNKNOWN, Properties, Secret

CREATED_BY: Final = "codeopen.dev/created-by"
"""The annotation by which a create knows the object of an earlier try; the first update takes it away."""

INPUTS: Final = "__inputs"
"""Where the official plugin keeps the inputs in the state: each of the two reads what the other wrote."""

FIELD_MANAGER: Final = "__fieldManager"
MISSING_SECONDS: Final = 60.0
"""How long a create waits for its namespace or its kind: they may be on their way."""

DELETE_SECONDS: Final = 600.0
LONGEST_LOOK: Final = 2.0
CONFLICT_TRIES: Final = 5
FIELD_CONFLICT: Final = "Apply failed with"
STRICT: Final[Mapping[str, str]] = {"fieldValidation": "Strict"}
SKIPS_DELETE_WAIT: Final = frozenset(
    {
        *("Namespace", "Pod", "ReplicationController"),
        *("DaemonSet", "Deployment", "StatefulSet", "Job"),
    }
)
"""The kinds that ``pulumi.com/skipAwait`` saves the wait for their end, as in the official plugin."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the provider's configuration allows."""

    mutable: Mutable = field(default_factory=Mutable)
    force: bool = False
    upsert: bool = False


class KubernetesObject(ResourceType):
    """The object of one URN. Its id is its name, after its namespace and a slash where it is in one."""

    table: ClassVar[Mapping[str, Property]] = {}

    def __init__(self, api: Api, kind: ObjectKind, urn: str, options: Options, cancelled: Event) -> None:
        self._api = api
        self._kind = kind
        self._options = options
        self._cancelled = cancelled
        self._mark = hashlib.sha256(urn.encode()).hexdigest()[:32]

    def check(self, inputs: Properties, who: str) -> tuple[Properties, list[Failure]]:
        kept = normalized({"apiVersion": self._kind.api_version, "kind": self._kind.kind, **inputs})
        failures = [
            Failure(name, f"must be {right} for this type")
            for name, right in (("apiVersion", self._kind.api_version), ("kind", self._kind.kind))
            if kept[name] not in {right, UNKNOWN}
        ]
        metadata = kept.get("metadata")
        if metadata is not UNKNOWN and not (isinstance(metadata, Mapping) and metadata.get("name")):
            failures.append(Failure("metadata.name", f"give metadata.name: {who} doesn't make names"))
        if isinstance(kept.get("data"), Mapping) and kept["kind"] == "Secret":
            kept = {**kept, "data": Secret(kept["data"])}
        return kept, failures

    def compare(self, old: Properties, new: Properties) -> list[Difference]:
        old = normalized(without(old, lambda name: name.startswith("__")))
        return compare(old, new, replacing_fields(self._kind, new, self._options.mutable))

    def deletes_before_replacing(self, olds: Properties, news: Properties) -> bool:
        """Names are always given, so the old object is in the new one's way unless its name or namespace changes."""
        return _key(olds) == _key(news)

    def preview(self, inputs: Properties) -> Properties:
        return inputs

    def preview_update(self, inputs: Properties, outputs: Properties) -> Properties:
        result: Properties = overlaid(without(outputs, lambda name: name.startswith("__")), outputs.get(INPUTS), inputs)
        return result

    def create(self, inputs: Properties, cancelled: Event) -> Stored:  # noqa: ARG002 - the provider's own, as here
        name = f"{self._kind.kind} {'/'.join(part for part in _key(inputs) if part)}"
        task = Task(f"create {name}", self._cancelled)
        place = self._wait_for_place(task)
        body: Properties = renamed(inputs, DASHED)
        namespace = _key(inputs)[0] or (self._api.namespace if place.namespaced else "")
        annotations = {**(body["metadata"].get("annotations") or {}), CREATED_BY: self._mark}
        marked = {**body, "metadata": {**body["metadata"], "annotations": annotations}}
        query = {"fieldManager": MANAGER, **STRICT}
        try:
            if self._options.upsert:
                live = self._apply(
                    task, place.path(namespace, body["metadata"]["name"]), body, MANAGER, force=self._forces(body)
                )
            else:
                live = self._post(task, Request("POST", place.path(namespace), marked, query))
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT or error.reason != "AlreadyExists":
                raise
            live = self._take_up(task, place.path(namespace, body["metadata"]["name"]), body, error)
        return Stored(_identifier(live), self._outputs(live, inputs, MANAGER))

    def read(self, identifier: str, inputs: Properties, outputs: Properties) -> Observed | None:
        task = Task(f"read {self._kind.kind} {identifier}", self._cancelled)
        try:
            live = self._get(task, self._api.place(task, self._kind.api_version, self._kind.kind), identifier)
        except KindMissingError:
            return None
        if live is None:
            return None
        shown: Properties = renamed(live, UNDERSCORED)
        kept = pruned(shown, normalized(inputs)) if inputs else _importable(shown)
        manager = str(outputs.get(FIELD_MANAGER) or MANAGER)
        if kept.get("kind") == "Secret" and "data" in kept:
            kept = {**kept, "data": Secret(kept["data"])}
        return Observed(identifier, kept, self._outputs(live, kept, manager))

    def update(self, change: Change, outputs: Properties, cancelled: Event) -> Properties:  # noqa: ARG002
        task = Task(f"update {self._kind.kind} {change.identifier}", self._cancelled)
        place = self._api.place(task, self._kind.api_version, self._kind.kind)
        path = place.path(*_split(change.identifier))
        manager = str(outputs.get(FIELD_MANAGER) or MANAGER)
        body: Properties = renamed(change.new, DASHED)
        live = self._change(task, path, body, manager)
        return self._outputs(live, change.new, manager)

    def delete(self, identifier: str, outputs: Properties) -> None:
        task = Task(f"delete {self._kind.kind} {identifier}", self._cancelled)
        annotations = (outputs.get("metadata") or {}).get("annotations") or {}
        policy = {"orphan": "Orphan", "background": "Background"}.get(
            str(annotations.get("pulumi.com/deletionPropagationPolicy", "")).lower(), "Foreground"
        )
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy}
        try:
            place = self._api.place(task, self._kind.api_version, self._kind.kind)
            path = place.path(*_split(identifier))
            self._api.send(task, Request("DELETE", path, body))
        except KindMissingError:
            return
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return
        if annotations.get("pulumi.com/skipAwait") != "true" or self._kind.kind not in SKIPS_DELETE_WAIT:
            seconds = str(annotations.get("pulumi.com/timeoutSeconds", ""))
            self._wait_until_gone(
                identifier,
                place,
                (outputs.get("metadata") or {}).get("uid"),
                float(seconds) if seconds.isdigit() else DELETE_SECONDS,
            )

    def _wait_for_place(self, task: Task) -> Place:
        """The kind's place; its definition may be about to be served."""
        until = time.monotonic() + MISSING_SECONDS
        while True:
            try:
                return self._api.place(task, self._kind.api_version, self._kind.kind)
            except KindMissingError:
                if time.monotonic() > until:
                    raise
                task.pause(LONGEST_LOOK / 2, "its kind is missing")

    def _post(self, task: Task, request: Request) -> Any:
        until = time.monotonic() + MISSING_SECONDS
        while True:
            try:
                return self._api.send(task, request)
            except ApiError as error:
                # A namespace that isn't there yet answers so; a cluster-wide object never does.
                if error.status != HTTPStatus.NOT_FOUND or time.monotonic() > until:
                    raise
                task.pause(LONGEST_LOOK / 2, "its namespace is missing")

    def _take_up(self, task: Task, path: str, body: Properties, refusal: ApiError) -> Any:
        """Go on with the object that an earlier try of this very resource made; anybody else's is refused."""
        live = self._api.send(task, Request("GET", path))
        if live["metadata"].get("deletionTimestamp"):
            raise PluginError(
                f"can't {task.what}: the old one is still being deleted; run it again later, or don't set "
                "pulumi.com/skipAwait on what is replaced"
            ) from refusal
        if (live["metadata"].get("annotations") or {}).get(CREATED_BY) != self._mark:
            raise PluginError(
                f"can't {task.what}: it exists already, and this resource did not make it ({refusal}). Take it over "
                "with pulumi import, remove it, give a renamed resource its old name as an alias, or set "
                "upsertExistingObjects on the provider"
            ) from refusal
        return self._change(task, path, body, MANAGER)

    def _change(self, task: Task, path: str, body: Properties, manager: str) -> Any:
        """Make the object what the inputs say; a writer in between makes this start again."""
        for left in reversed(range(CONFLICT_TRIES)):
            live = self._api.send(task, Request("GET", path))
            try:
                if self._kind.kind == "CustomResourceDefinition":
                    version = {"resourceVersion": live["metadata"]["resourceVersion"]}
                    replaced = {**body, "metadata": {**body["metadata"], **version}}
                    return self._api.send(task, Request("PUT", path, replaced, {"fieldManager": manager, **STRICT}))
                if patch := takeover(live, manager):
                    kind = "application/json-patch+json"
                    self._api.send(task, Request("PATCH", path, patch, content_type=kind))
                return self._apply(task, path, body, manager, force=self._forces(body))
            except ApiError as error:
                if error.status != HTTPStatus.CONFLICT or not left or FIELD_CONFLICT in str(error):
                    raise
        raise AssertionError("the last try returns or raises")

    def _apply(self, task: Task, path: str, body: Properties, manager: str, *, force: bool) -> Any:
        query = {"fieldManager": manager, "force": str(force).lower(), **STRICT}
        try:
            return self._api.send(task, Request("PATCH", path, body, query, "application/apply-patch+yaml"))
        except ApiError as error:
            if error.status == HTTPStatus.CONFLICT and FIELD_CONFLICT in str(error):
                raise ApiError(
                    f"{error}; leave these fields to the others, or set the annotation pulumi.com/patchForce: "
                    '"true" to take them',
                    error.status,
                    error.reason,
                ) from error
            raise

    def _forces(self, body: Properties) -> bool:
        annotations = body["metadata"].get("annotations") or {}
        return self._options.force or annotations.get("pulumi.com/patchForce") == "true"

    def _get(self, task: Task, place: Place, identifier: str) -> Any | None:
        try:
            return self._api.send(task, Request("GET", place.path(*_split(identifier))))
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def _wait_until_gone(self, identifier: str, place: Place, uid: Any, seconds: float) -> None:
        task = Task(f"delete {self._kind.kind} {identifier}", self._cancelled, time.monotonic() + seconds)
        pause = 0.1
        while (live := self._get(task, place, identifier)) is not None and uid in {None, live["metadata"]["uid"]}:
            finalizers = ", ".join(live["metadata"].get("finalizers") or []) or "none"
            task.pause(pause, f"it is still there (finalizers: {finalizers})")
            pause = min(LONGEST_LOOK, pause * 1.5)

    def _outputs(self, live: Any, inputs: Properties, manager: str) -> Properties:
        """The live object as the official plugin records it, but for the lists of who owns which field."""
        shown: Properties = renamed(live, UNDERSCORED)
        shown["metadata"] = without(shown["metadata"], lambda name: name == "managedFields")
        if self._kind == ObjectKind("v1", "Secret") and "data" in shown:
            shown["data"] = Secret(shown["data"])
        plain = {name: value.value if isinstance(value, Secret) else value for name, value in inputs.items()}
        # The engine marks what it knows by its place among the inputs; a copy of them elsewhere is marked as a whole.
        return {**shown, INPUTS: Secret(plain), "__initialApiVersion": self._kind.api_version, FIELD_MANAGER: manager}


def _key(inputs: Properties) -> tuple[str, str]:
    """An object's namespace, or nothing, and its name."""
    metadata = inputs.get("metadata")
    if not isinstance(metadata, Mapping):
        return "", ""
    return str(metadata.get("namespace") or ""), str(metadata.get("name"))


def _identifier(live: Any) -> str:
    metadata = live["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else str(metadata["name"])


def _split(identifier: str) -> tuple[str, str]:
    namespace, _, name = identifier.rpartition("/")
    return namespace or "default", name


def _importable(live: Properties) -> Properties:
    """The inputs that would make a live object: all of it but what the server sets."""
    metadata = without(live["metadata"], SERVER_METADATA.__contains__)
    return {**without(live, lambda name: name == "status"), "metadata": metadata}
