from __future__ import annotations

from collections.abc import Mapping
from threading import Event
from typing import Any, ClassVar

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, status_pb2

from provider.protocol.errors import InitialisationError, PluginError
from provider.protocol.properties import Change, Kind, Property
from provider.protocol.resource import AUTO_NAMED, Observed, ResourceType, Stored
from provider.protocol.resource import Change as InPlaceChange
from provider.protocol.resource_provider import About, ResourceProvider
from provider.protocol.values import UNKNOWN, Properties, Secret, from_struct, to_struct
from tests.unit.provider.context import AbortedError, FakeContext

URN = "urn:pulumi:dev::proj::pulumi:pulumi:Stack$test:index:Thing::my-thing"


class Thing(ResourceType):
    token: ClassVar[str] = "test:index:Thing"
    table: ClassVar[Mapping[str, Property]] = {
        "name": Property(Kind.STRING, required=True),
        "size": Property(Kind.INTEGER, change=Change.UPDATE),
        "kind": Property(Kind.STRING),
    }
    computed: ClassVar[tuple[str, ...]] = ("address",)
    named: ClassVar[bool] = True

    def __init__(self) -> None:
        self.created: list[Properties] = []
        self.failure: Exception | None = None

    def create(self, inputs: Properties, cancelled: Event) -> Stored:
        del cancelled
        if self.failure:
            raise self.failure
        self.created.append(inputs)
        return Stored("thing-1", {**inputs, "address": Secret("10.0.0.1")})

    def read(self, identifier: str, inputs: Properties, outputs: Properties) -> Observed | None:
        return None if identifier == "gone" else Observed(identifier, {**inputs, "size": 9}, {**outputs, "size": 9})

    def update(self, change: InPlaceChange, outputs: Properties, cancelled: Event) -> Properties:
        del outputs
        return {**change.new, "was": change.old.get("size"), "cancelled": cancelled.is_set()}

    def delete(self, identifier: str, outputs: Properties) -> None:
        raise PluginError(f"{identifier} is in use by {outputs['name']}")


@pytest.fixture
def thing() -> Thing:
    return Thing()


@pytest.fixture
def provider(thing: Thing) -> ResourceProvider:
    return ResourceProvider(About("the test plugin", "1.2.3", {"host": Property(Kind.STRING)}), [thing], lambda _: None)


def check(provider: ResourceProvider, news: Properties, olds: Properties | None = None, urn: str = URN) -> Any:
    request = provider_pb2.CheckRequest(urn=urn, news=to_struct(news), olds=to_struct(olds or {}), randomSeed=b"seed")
    return provider.Check(request, FakeContext())


def diff(provider: ResourceProvider, olds: Properties, news: Properties) -> Any:
    request = provider_pb2.DiffRequest(urn=URN, old_inputs=to_struct(olds), news=to_struct(news))
    return provider.Diff(request, FakeContext())


def test_an_unknown_type_is_refused_naming_the_plugin(provider: ResourceProvider) -> None:
    failures = check(provider, {}, urn="urn:pulumi:dev::proj::docker:index/tag:Tag::t").failures
    assert "docker:index/tag:Tag is not supported by the test plugin; supported: test:index:Thing" in failures[0].reason


def test_an_unknown_property_is_refused_naming_the_plugin(provider: ResourceProvider) -> None:
    failures = check(provider, {"name": "a", "colour": "red"}).failures
    assert [(failure.property, failure.reason) for failure in failures] == [
        ("colour", "is not supported by the test plugin; remove it")
    ]


def test_a_function_call_is_refused_naming_the_plugin(provider: ResourceProvider) -> None:
    with pytest.raises(AbortedError, match="test:index:getThing is not supported by the test plugin"):
        provider.Invoke(provider_pb2.InvokeRequest(tok="test:index:getThing"), FakeContext())


def test_a_component_of_a_plugin_is_refused_naming_the_plugin(provider: ResourceProvider) -> None:
    with pytest.raises(AbortedError, match=r"kubernetes:yaml/v2:ConfigFile is not supported by the test plugin"):
        provider.Construct(provider_pb2.ConstructRequest(type="kubernetes:yaml/v2:ConfigFile"), FakeContext())


def test_unknown_values_pass_through_a_check(provider: ResourceProvider) -> None:
    response = check(provider, {"name": "a", "size": UNKNOWN})
    assert not response.failures
    assert from_struct(response.inputs) == {"name": "a", "size": UNKNOWN}


def test_a_missing_name_is_made_up_once_and_kept(provider: ResourceProvider) -> None:
    first = from_struct(check(provider, {}).inputs)
    assert first["name"].startswith("my-thing-")
    assert from_struct(check(provider, {"size": 1}, first).inputs)["name"] == first["name"]
    assert not diff(provider, first, first).diffs


def test_a_given_name_is_not_made_up_later(provider: ResourceProvider) -> None:
    given = {"name": "a"}
    assert from_struct(check(provider, {}, given).inputs)["name"] != "a"


def test_equal_inputs_are_no_change(provider: ResourceProvider) -> None:
    assert diff(provider, {"name": "a"}, {"name": "a"}).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_an_update_in_place_replaces_nothing(provider: ResourceProvider) -> None:
    response = diff(provider, {"name": "a", "size": 1}, {"name": "a", "size": 2})
    assert (list(response.diffs), list(response.replaces)) == (["size"], [])
    assert not response.deleteBeforeReplace
    assert response.detailedDiff["size"].kind == provider_pb2.PropertyDiff.UPDATE


def test_a_replacement_under_the_same_name_deletes_first(provider: ResourceProvider) -> None:
    response = diff(provider, {"name": "a", "kind": "x"}, {"name": "a", "kind": "y"})
    assert list(response.replaces) == ["kind"]
    assert response.deleteBeforeReplace
    assert response.detailedDiff["kind"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE


@pytest.mark.parametrize(
    ("olds", "news"),
    [
        ({"name": "a"}, {"name": "b"}),
        ({"name": "a", AUTO_NAMED: ["name"]}, {"name": "a", AUTO_NAMED: ["name"], "kind": "y"}),
    ],
)
def test_a_replacement_under_another_name_creates_first(
    provider: ResourceProvider, olds: Properties, news: Properties
) -> None:
    response = diff(provider, olds, news)
    assert response.replaces
    assert not response.deleteBeforeReplace


def test_a_value_that_isnt_known_yet_counts_as_a_change(provider: ResourceProvider) -> None:
    assert list(diff(provider, {"name": "a", "kind": "x"}, {"name": "a", "kind": UNKNOWN}).replaces) == ["kind"]


def test_a_preview_creates_nothing(provider: ResourceProvider, thing: Thing) -> None:
    request = provider_pb2.CreateRequest(urn=URN, properties=to_struct({"name": UNKNOWN}), preview=True)
    outputs = from_struct(provider.Create(request, FakeContext()).properties)
    assert outputs == {"name": UNKNOWN, "address": UNKNOWN}
    assert thing.created == []


def test_creating_gives_id_and_outputs(provider: ResourceProvider) -> None:
    response = provider.Create(provider_pb2.CreateRequest(urn=URN, properties=to_struct({"name": "a"})), FakeContext())
    assert response.id == "thing-1"
    assert from_struct(response.properties) == {"name": "a", "address": "10.0.0.1"}


def test_what_is_half_made_stays_in_the_state(provider: ResourceProvider, thing: Thing) -> None:
    thing.failure = InitialisationError("not healthy within 1 s", "thing-1", {"name": "a"})
    context = FakeContext()
    with pytest.raises(AbortedError):
        provider.Create(provider_pb2.CreateRequest(urn=URN, properties=to_struct({"name": "a"})), context)
    status = status_pb2.Status.FromString(context.metadata["grpc-status-details-bin"])
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    assert (detail.id, list(detail.reasons)) == ("thing-1", ["not healthy within 1 s"])
    assert from_struct(detail.properties) == {"name": "a"}


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (PluginError("no space"), grpc.StatusCode.FAILED_PRECONDITION),
        (ZeroDivisionError("no space"), grpc.StatusCode.UNKNOWN),
    ],
)
def test_the_engine_learns_whether_a_failure_left_something_behind(
    provider: ResourceProvider, thing: Thing, failure: Exception, code: grpc.StatusCode
) -> None:
    thing.failure = failure
    with pytest.raises(AbortedError, match="no space") as caught:
        provider.Create(provider_pb2.CreateRequest(urn=URN, properties=to_struct({"name": "a"})), FakeContext())
    assert caught.value.code is code


def test_an_object_that_is_gone_reads_as_no_id(provider: ResourceProvider) -> None:
    assert provider.Read(provider_pb2.ReadRequest(urn=URN, id="gone"), FakeContext()).id == ""


def test_a_refresh_gives_the_inputs_as_they_are_now(provider: ResourceProvider) -> None:
    request = provider_pb2.ReadRequest(urn=URN, id="x", inputs=to_struct({"name": "a", "size": 1}))
    response = provider.Read(request, FakeContext())
    assert (response.id, from_struct(response.inputs)) == ("x", {"name": "a", "size": 9})


def test_an_update_sees_old_and_new_inputs_and_the_cancellation(provider: ResourceProvider) -> None:
    request = provider_pb2.UpdateRequest(
        urn=URN, old_inputs=to_struct({"name": "a", "size": 1}), news=to_struct({"name": "a", "size": 2})
    )
    provider.Cancel(None, FakeContext())
    outputs = from_struct(provider.Update(request, FakeContext()).properties)
    assert (outputs["was"], outputs["size"], outputs["cancelled"]) == (1, 2, True)


def test_a_refused_deletion_says_why(provider: ResourceProvider) -> None:
    request = provider_pb2.DeleteRequest(urn=URN, id="x", properties=to_struct({"name": "a"}))
    with pytest.raises(AbortedError, match="x is in use by a"):
        provider.Delete(request, FakeContext())


def test_configuration_that_isnt_supported_is_refused(provider: ResourceProvider) -> None:
    news = to_struct({"host": "unix:///x", "registryAuth": "[]", "version": "5.2.0"})
    failures = provider.CheckConfig(provider_pb2.CheckRequest(news=news), FakeContext()).failures
    assert [failure.property for failure in failures] == ["registryAuth"]
    with pytest.raises(AbortedError, match="registryAuth is not supported by the test plugin"):
        provider.Configure(provider_pb2.ConfigureRequest(args=news), FakeContext())


def test_a_programs_configuration_of_the_same_name_is_dropped() -> None:
    about = About("the codeopen plugin", "1.0.0", {}, shares_namespace=True)
    provider = ResourceProvider(about, [], lambda _: None)
    news = to_struct({"catalog": "catalog", "token": "hunter2", "version": "1.0.0"})
    response = provider.CheckConfig(provider_pb2.CheckRequest(news=news), FakeContext())
    assert not response.failures
    assert from_struct(response.inputs) == {"version": "1.0.0"}


def test_secrets_are_left_to_the_engine(provider: ResourceProvider) -> None:
    assert not provider.Handshake(None, FakeContext()).accept_secrets
    assert provider.GetPluginInfo(None, FakeContext()).version == "1.2.3"
