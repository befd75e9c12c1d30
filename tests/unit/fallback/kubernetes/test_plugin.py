"""The provider's protocol over a scripted stand-in for the API server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

import install
import pulumi_cli
from fallback_plugins.kubernetes import objects
from fallback_plugins.kubernetes.objects import CREATED_BY
from fallback_plugins.kubernetes.plugin import VERSION, KubernetesProvider, compare_settings, options
from provider.kubernetes.api import Api
from provider.protocol.properties import Change
from provider.protocol.values import UNKNOWN, Properties, from_struct, to_struct
from tests.unit.provider.context import AbortedError, FakeContext
from tests.unit.provider.kubernetes.scripted_api import Answer, ScriptedApi, failure

PREFIX = "urn:pulumi:dev::proj::project:index:Project$"
SECRET = f"{PREFIX}kubernetes:core/v1:Secret::login"
NAMESPACE = f"{PREFIX}kubernetes:core/v1:Namespace::home"
INPUTS = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": "a"}, "data": {"p": "eA=="}}
META = {"name": "login", "namespace": "a", "uid": "1", "resourceVersion": "7", "managedFields": []}
LIVE: Properties = {**INPUTS, "type": "Opaque", "metadata": META}
FORBIDDEN = "4dabf18193072939515e22adb298388d"


@pytest.fixture
def warned() -> list[str]:
    return []


@pytest.fixture
def provider(server: ScriptedApi, warned: list[str]) -> KubernetesProvider:
    return configured(server, warned)


def configured(server: ScriptedApi, warned: list[str], **settings: str) -> KubernetesProvider:
    made = KubernetesProvider(Api(), lambda: warned.append("warning"))
    args = to_struct({"kubeconfig": server.kubeconfig(token="t"), "version": VERSION, **settings})
    for _ in range(2):
        made.Configure(provider_pb2.ConfigureRequest(args=args), FakeContext())
    return made


def check(provider: KubernetesProvider, urn: str, news: Properties) -> Any:
    return provider.Check(provider_pb2.CheckRequest(urn=urn, news=to_struct(news)), FakeContext())


def create(provider: KubernetesProvider, urn: str = SECRET, *, preview: bool = False) -> Any:
    request = provider_pb2.CreateRequest(urn=urn, properties=to_struct(INPUTS), preview=preview)
    return provider.Create(request, FakeContext())


def test_the_versions_are_the_sdks() -> None:
    locked = (Path(install.__file__).parents[2] / "requirements.lock").read_text()
    assert f"pulumi-kubernetes=={VERSION} " in locked
    assert install.FALLBACKS["kubernetes"] == pulumi_cli.KUBERNETES_VERSION == VERSION


def test_one_warning_a_life(provider: KubernetesProvider, warned: list[str]) -> None:
    assert provider.GetPluginInfo(None, FakeContext()).version == VERSION
    assert warned == ["warning"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("renderYamlToDirectory", "out"), ("enableServerSideApply", "false"), ("deleteUnreachable", "true"), ("x", "y")],
)
def test_configuration_that_has_no_effect_here_is_refused(provider: KubernetesProvider, name: str, value: str) -> None:
    failures = provider.CheckConfig(provider_pb2.CheckRequest(news=to_struct({name: value})), FakeContext()).failures
    assert [failure.property for failure in failures] == [name]


def test_a_check_wants_a_name_and_the_types_own_kind(provider: KubernetesProvider) -> None:
    failures = check(provider, SECRET, {"kind": "Pod", "metadata": {"generateName": "a-"}}).failures
    assert [failure.property for failure in failures] == ["kind", "metadata.name"]
    assert "doesn't make names" in failures[1].reason
    for metadata in (UNKNOWN, {"name": UNKNOWN}):
        assert not check(provider, SECRET, {"metadata": metadata}).failures


def test_a_secrets_content_is_marked_in_what_a_check_and_a_create_give(
    provider: KubernetesProvider, server: ScriptedApi
) -> None:
    checked = check(provider, SECRET, {"metadata": META, "stringData": {"p": "x"}}).inputs
    assert FORBIDDEN in checked.fields["data"].struct_value.fields
    assert from_struct(checked)["data"] == {"p": "eA=="}
    server.script = [Answer(201, LIVE)]
    properties = create(provider).properties
    for name in ("data", "__inputs"):
        assert FORBIDDEN in properties.fields[name].struct_value.fields
    assert "managedFields" not in from_struct(properties)["metadata"]


def test_a_preview_asks_nobody(provider: KubernetesProvider, server: ScriptedApi) -> None:
    assert from_struct(create(provider, preview=True).properties) == INPUTS
    assert server.asked == []


def test_a_create_is_a_strict_post_with_a_mark(provider: KubernetesProvider, server: ScriptedApi) -> None:
    server.script = [Answer(201, LIVE)]
    assert create(provider).id == "a/login"
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("POST", "/api/v1/namespaces/a/secrets")
    assert asked.query == {"fieldManager": "pulumi-kubernetes", "fieldValidation": "Strict"}
    assert asked.body["data"] == {"p": "eA=="}
    assert len(asked.body["metadata"]["annotations"][CREATED_BY]) == 32


def test_an_answer_that_was_lost_is_no_second_object(provider: KubernetesProvider, server: ScriptedApi) -> None:
    server.script = [Answer(201, LIVE)]
    create(provider)
    mark = server.asked[0].body["metadata"]["annotations"]
    live = {**LIVE, "metadata": {**META, "annotations": mark}}
    server.script = [Answer(0), failure(409, "AlreadyExists"), Answer(200, live), Answer(200, live), Answer(200, LIVE)]
    assert create(provider).id == "a/login"
    assert [each.method for each in server.asked[1:]] == ["POST", "POST", "GET", "GET", "PATCH"]
    assert CREATED_BY not in str(server.asked[-1].body)


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ({}, "can't create Secret a/login: it exists already, and this resource did not make it"),
        ({"annotations": {CREATED_BY: "another's"}}, "it exists already"),
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, "the old one is still being deleted"),
    ],
)
def test_another_object_of_the_name_is_refused(
    provider: KubernetesProvider, server: ScriptedApi, metadata: Properties, text: str
) -> None:
    server.script = [failure(409, "AlreadyExists"), Answer(200, {**LIVE, "metadata": {**META, **metadata}})]
    with pytest.raises(AbortedError, match=text):
        create(provider)


def test_upsert_applies_at_once(server: ScriptedApi, warned: list[str]) -> None:
    provider = configured(server, warned, upsertExistingObjects="true")
    server.script = [Answer(200, LIVE)]
    create(provider)
    assert [(each.method, each.query["force"]) for each in server.asked] == [("PATCH", "false")]


def test_a_missing_namespace_is_waited_for(
    provider: KubernetesProvider, server: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "LONGEST_LOOK", 0.01)
    server.script = [failure(404, "NotFound"), Answer(201, LIVE)]
    create(provider)
    monkeypatch.setattr(objects, "MISSING_SECONDS", 0.0)
    server.script = [failure(404, "NotFound", 'namespaces "a" not found'), Answer(201, LIVE)]
    with pytest.raises(AbortedError, match=r'can\'t create Secret a/login: .*namespaces "a" not found; .*depends_on'):
        create(provider)


def update(provider: KubernetesProvider, news: Properties) -> Any:
    olds = {**LIVE, "__inputs": INPUTS, "__fieldManager": "pulumi-kubernetes-1a2b"}
    request = provider_pb2.UpdateRequest(
        urn=SECRET, id="a/login", olds=to_struct(olds), old_inputs=to_struct(INPUTS), news=to_struct(news)
    )
    return provider.Update(request, FakeContext())


@pytest.mark.parametrize(("annotations", "force"), [({}, "false"), ({"pulumi.com/patchForce": "true"}, "true")])
def test_an_update_applies_with_the_states_manager_and_forces_only_when_told(
    provider: KubernetesProvider, server: ScriptedApi, annotations: Properties, force: str
) -> None:
    server.script = [Answer(200, LIVE), Answer(200, LIVE)]
    news = {**INPUTS, "metadata": {"name": "login", "namespace": "a", "annotations": annotations}}
    assert from_struct(update(provider, news).properties)["__fieldManager"] == "pulumi-kubernetes-1a2b"
    apply = server.asked[1]
    assert (apply.method, apply.path) == ("PATCH", "/api/v1/namespaces/a/secrets/login")
    assert apply.headers["Content-Type"] == "application/apply-patch+yaml"
    assert (apply.query["force"], apply.query["fieldManager"]) == (force, "pulumi-kubernetes-1a2b")


def test_a_writer_in_between_makes_an_update_start_again_but_a_field_conflict_ends_it(
    provider: KubernetesProvider, server: ScriptedApi
) -> None:
    server.script = [
        Answer(200, LIVE),
        failure(409, "Conflict", "has been modified"),
        Answer(200, LIVE),
        Answer(200, LIVE),
    ]
    update(provider, INPUTS)
    server.script = [
        Answer(200, LIVE),
        failure(409, "Conflict", 'Apply failed with 1 conflict: conflict with "kubectl"'),
    ]
    with pytest.raises(AbortedError, match=r"conflict with .*pulumi.com/patchForce"):
        update(provider, INPUTS)


def delete(provider: KubernetesProvider, urn: str = SECRET, **annotations: str) -> None:
    named = {name.replace("_", "."): value for name, value in annotations.items()}
    properties = {**LIVE, "metadata": {**META, "annotations": {f"pulumi.com/{key}": named[key] for key in named}}}
    request = provider_pb2.DeleteRequest(urn=urn, id="a/login", properties=to_struct(properties))
    provider.Delete(request, FakeContext())


def test_a_deletion_is_in_the_foreground_and_waited_for(provider: KubernetesProvider, server: ScriptedApi) -> None:
    server.script = [Answer(200, LIVE), Answer(200, LIVE), failure(404, "NotFound")]
    delete(provider)
    assert [each.method for each in server.asked] == ["DELETE", "GET", "GET"]
    assert server.asked[0].body["propagationPolicy"] == "Foreground"
    server.script = [Answer(200, LIVE), Answer(200, {**LIVE, "metadata": {**META, "uid": "another"}})]
    delete(provider, deletionPropagationPolicy="background")
    assert server.asked[3].body["propagationPolicy"] == "Background"
    server.script = [failure(404, "NotFound")]
    delete(provider)


def test_a_deletion_that_takes_too_long_names_the_finalizers(provider: KubernetesProvider, server: ScriptedApi) -> None:
    stuck = {**LIVE, "metadata": {**META, "finalizers": ["example.com/hold"]}}
    server.script = [Answer(200, stuck)] * 50
    with pytest.raises(
        AbortedError, match=r"can't delete Secret a/login: it is still there \(finalizers: example.com/hold"
    ):
        delete(provider, timeoutSeconds="1")


def test_the_wait_for_an_end_is_saved_only_where_the_official_plugin_saves_it(
    provider: KubernetesProvider, server: ScriptedApi
) -> None:
    server.script = [Answer(200, LIVE), failure(404, "NotFound")]
    delete(provider, skipAwait="true")
    assert len(server.asked) == 2
    server.script = [Answer(200, LIVE)]
    delete(provider, NAMESPACE, skipAwait="true")
    assert len(server.asked) == 3


def read(provider: KubernetesProvider, inputs: Properties) -> Any:
    return provider.Read(provider_pb2.ReadRequest(urn=SECRET, id="a/login", inputs=to_struct(inputs)), FakeContext())


def test_a_read_gives_the_inputs_fields_and_an_import_all_but_the_servers(
    provider: KubernetesProvider, server: ScriptedApi
) -> None:
    live = {**LIVE, "data": {"p": "eQ==", "q": "eg=="}, "status": {}}
    server.script = [Answer(200, live), Answer(200, live), failure(404, "NotFound")]
    assert from_struct(read(provider, INPUTS).inputs) == {**INPUTS, "data": {"p": "eQ=="}}
    imported = from_struct(read(provider, {}).inputs)
    assert imported["metadata"] == {"name": "login", "namespace": "a"}
    assert (imported["type"], imported["data"], "status" in imported) == ("Opaque", live["data"], False)
    assert read(provider, INPUTS).id == ""


def test_another_cluster_replaces_the_provider_and_a_new_login_does_not() -> None:
    one, other = ScriptedApi("https://one"), ScriptedApi("https://other")
    old = {"kubeconfig": one.kubeconfig(token="a")}

    def change(new: Properties, **more: Any) -> list[tuple[str, Change]]:
        return [(each.name, each.change) for each in compare_settings({**old, **more}, {**more, **new})]

    assert change({"kubeconfig": one.kubeconfig(token="b")}) == [("kubeconfig", Change.UPDATE)]
    assert change({"kubeconfig": other.kubeconfig(token="a")}) == [("kubeconfig", Change.REPLACE)]
    assert change({"kubeconfig": UNKNOWN}) == [("kubeconfig", Change.REPLACE)]
    assert change({"kubeconfig": other.kubeconfig()}, clusterIdentifier="x") == [("kubeconfig", Change.UPDATE)]
    assert change({**old, "clusterIdentifier": "y"}, clusterIdentifier="x") == [("clusterIdentifier", Change.REPLACE)]
    assert change(old) == []


def test_switches_come_from_the_environment_too() -> None:
    assert options({}, {"PULUMI_K8S_ENABLE_SECRET_MUTABLE": "true"}).mutable.secrets
    assert not options({"enableSecretMutable": "false"}, {"PULUMI_K8S_ENABLE_SECRET_MUTABLE": "true"}).mutable.secrets
    assert options({"enablePatchForce": True}, {}).force
