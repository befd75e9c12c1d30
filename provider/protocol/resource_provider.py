"""A gRPC ``ResourceProvider`` over a set of resource types: protocol on this side, objects on the other."""

from __future__ import annotations

import hashlib
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from provider.protocol.errors import InitialisationError, PluginError
from provider.protocol.properties import Change, Difference, Failure, Property, validate
from provider.protocol.resource import AUTO_NAMED, ResourceType
from provider.protocol.resource import Change as InPlaceChange
from provider.protocol.values import UNKNOWN, Properties, UnsupportedValueError, Value, from_struct, to_struct


@dataclass(frozen=True, slots=True)
class About:
    """A provider's name in texts, its version, and the configuration that it takes.

    Configuration under other names is refused, or dropped where ``shares_namespace`` says that the program's own
    configuration has the provider's name: the engine hands that to the provider too.
    """

    label: str
    version: str
    settings: Mapping[str, Property]
    shares_namespace: bool = False

    def check(self, given: Properties) -> tuple[Properties, list[Failure]]:
        """The configuration to keep, and what is wrong with it."""
        always = {"version", "pluginDownloadURL"}
        if self.shares_namespace:
            given = {name: value for name, value in given.items() if name in self.settings or name in always}
        own = {name: _as_text(value) for name, value in given.items() if name not in always}
        return given, validate(self.settings, own, self.label)


def no_difference(old: Properties, new: Properties) -> list[Difference]:  # noqa: ARG001 - the form of the others
    """For a provider whose configuration says nothing about which objects its resources are."""
    return []


class ResourceProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Serves ``types`` under one plugin name.

    ``configure`` receives the accepted configuration before any operation and runs at least once in the plugin's life.
    ``compare`` says what a change of the configuration does: a replacement replaces every resource of the provider.
    """

    def __init__(
        self,
        about: About,
        types: Sequence[ResourceType],
        configure: Callable[[Properties], None],
        compare: Callable[[Properties, Properties], list[Difference]] = no_difference,
    ) -> None:
        self._about = about
        self._types = {resource_type.token: resource_type for resource_type in types}
        self._configure = configure
        self._compare = compare
        self._cancelled = Event()

    # The protocol's names are not Python's, and every method has to take a context.
    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Secrets are left to the engine: it unwraps what it sends and keeps the marks itself."""
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=False)

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return plugin_pb2.PluginInfo(version=self._about.version)

    def GetSchema(self, request: Any, context: Any) -> NoReturn:  # noqa: N802, ARG002
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{self._about.label} has no schema")
        raise AssertionError("abort raises")

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        with _answering(context):
            return _check_response(*self._about.check(from_struct(request.news)))

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        with _answering(context):
            olds = from_struct(request.old_inputs) or from_struct(request.olds)
            return _diff_response(self._compare(olds, from_struct(request.news)), deletes_first=False)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        with _answering(context):
            kept, failures = self._about.check(from_struct(request.args))
            if failures:
                raise PluginError("; ".join(f"{failure.path} {failure.reason}" for failure in failures))
            self._configure(kept)
            return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Invoke(self, request: Any, context: Any) -> NoReturn:  # noqa: N802
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"the function {request.tok} is not supported by {self._about.label}",
        )
        raise AssertionError("abort raises")

    def Construct(self, request: Any, context: Any) -> NoReturn:  # noqa: N802
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"the type {request.type} is not supported by {self._about.label}; it makes several objects",
        )
        raise AssertionError("abort raises")

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        with _answering(context):
            try:
                resource_type = self.find_type(request.urn)
            except PluginError as error:
                return _check_response({}, [Failure("", str(error))])
            news = from_struct(request.news)
            if resource_type.named:
                news = _with_name(news, from_struct(request.olds), request)
            return _check_response(*resource_type.check(news, self._about.label))

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        with _answering(context):
            resource_type = self.find_type(request.urn)
            olds = from_struct(request.old_inputs) or from_struct(request.olds)
            news = from_struct(request.news)
            found = resource_type.compare(olds, news)
            return _diff_response(found, deletes_first=resource_type.deletes_before_replacing(olds, news))

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        with _answering(context):
            resource_type = self.find_type(request.urn)
            inputs = from_struct(request.properties)
            if request.preview:
                return provider_pb2.CreateResponse(id="", properties=to_struct(resource_type.preview(inputs)))
            stored = resource_type.create(inputs, self._cancelled)
            return provider_pb2.CreateResponse(id=stored.identifier, properties=to_struct(stored.outputs))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        with _answering(context):
            observed = self.find_type(request.urn).read(
                request.id, from_struct(request.inputs), from_struct(request.properties)
            )
            if observed is None:
                return provider_pb2.ReadResponse(id="")
            return provider_pb2.ReadResponse(
                id=observed.identifier, properties=to_struct(observed.outputs), inputs=to_struct(observed.inputs)
            )

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        with _answering(context):
            resource_type = self.find_type(request.urn)
            olds, news = from_struct(request.olds), from_struct(request.news)
            if request.preview:
                return provider_pb2.UpdateResponse(properties=to_struct(resource_type.preview_update(news, olds)))
            change = InPlaceChange(request.id, from_struct(request.old_inputs) or olds, news)
            outputs = resource_type.update(change, olds, self._cancelled)
            return provider_pb2.UpdateResponse(properties=to_struct(outputs))

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        with _answering(context):
            self.find_type(request.urn).delete(request.id, from_struct(request.properties))
            return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        self.interrupt()
        return empty_pb2.Empty()

    def interrupt(self) -> None:
        """Make operations under way stop at the next point where they leave nothing half-made."""
        self._cancelled.set()

    def find_type(self, urn: str) -> ResourceType:
        """The type of the resource with this URN. Raises PluginError where the plugin doesn't have it."""
        try:
            return self._types[token_of(urn)]
        except KeyError:
            supported = ", ".join(sorted(self._types))
            text = f"the type {token_of(urn)} is not supported by {self._about.label}; supported: {supported}"
            raise PluginError(text) from None


def _as_text(value: Value) -> Value:
    """Configuration as the engine passes it on: everything but text is JSON."""
    return value if isinstance(value, str) or value is UNKNOWN else json.dumps(value)


def token_of(urn: str) -> str:
    """The resource's own type: the last of the ``$``-joined types in its URN."""
    return urn.split("::", 3)[2].rsplit("$", 1)[-1]


def _with_name(news: Properties, olds: Properties, request: Any) -> Properties:
    """The inputs with a name made up where there is none; an object keeps the name that it has."""
    if news.get("name") is not None:
        return news
    if AUTO_NAMED in olds and isinstance(olds.get("name"), str):
        return {**news, "name": olds["name"], AUTO_NAMED: ["name"]}
    resource_name = str(request.urn).rsplit("::", 1)[-1]
    suffix = hashlib.sha256(bytes(request.randomSeed)).hexdigest()[:7]
    return {**news, "name": f"{resource_name}-{suffix}", AUTO_NAMED: ["name"]}


def _check_response(inputs: Mapping[str, Any], failures: Sequence[Failure]) -> Any:
    return provider_pb2.CheckResponse(
        inputs=to_struct(inputs),
        failures=[provider_pb2.CheckFailure(property=failure.path, reason=failure.reason) for failure in failures],
    )


def _diff_response(found: Sequence[Difference], *, deletes_first: bool) -> Any:
    replaces = [difference.name for difference in found if difference.change is Change.REPLACE]
    some = provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(
        changes=some,
        # The CLI's summaries know whole properties only; the paths are in the detailed differences.
        diffs=list(dict.fromkeys(difference.name.partition(".")[0].partition("[")[0] for difference in found)),
        replaces=replaces,
        deleteBeforeReplace=bool(replaces) and deletes_first,
        hasDetailedDiff=True,
        detailedDiff={difference.name: _property_diff(difference) for difference in found},
    )


def _property_diff(difference: Difference) -> Any:
    verb = "ADD" if difference.added else "DELETE" if difference.removed else "UPDATE"
    suffix = "_REPLACE" if difference.change is Change.REPLACE else ""
    return provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.Kind.Value(verb + suffix), inputDiff=True)


@contextmanager
def _answering(context: Any) -> Iterator[None]:
    """Turn what went wrong into the gRPC answer that the engine understands."""
    try:
        yield
    except InitialisationError as error:
        _abort_partly_created(context, error)
    except PluginError as error:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
    except UnsupportedValueError as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except Exception as error:  # noqa: BLE001 - the last line of defence: the engine must learn that it failed
        traceback.print_exc(file=sys.stderr)
        # UNKNOWN makes the engine keep the operation as pending: nobody knows how far it got.
        context.abort(grpc.StatusCode.UNKNOWN, f"unexpected {type(error).__name__}: {error}")


def _abort_partly_created(context: Any, error: InitialisationError) -> None:
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.identifier, properties=to_struct(error.outputs), reasons=[error.reason]
    )
    status = status_pb2.Status(code=grpc.StatusCode.FAILED_PRECONDITION.value[0], message=error.reason)
    status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, error.reason)
