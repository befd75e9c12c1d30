from __future__ import annotations

from typing import Any

import pytest

from fallback_plugins.kubernetes.ownership import takeover
from fallback_plugins.kubernetes.replacing import Mutable, compare, replacing_fields
from fallback_plugins.kubernetes.shape import normalized, overlaid, pruned
from fallback_plugins.kubernetes.tokens import ObjectKind, kind_of
from provider.protocol.errors import PluginError
from provider.protocol.properties import Change
from provider.protocol.values import UNKNOWN, Properties


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("kubernetes:core/v1:Namespace", ObjectKind("v1", "Namespace")),
        ("kubernetes:policy/v1:PodDisruptionBudget", ObjectKind("policy/v1", "PodDisruptionBudget")),
        ("kubernetes:karpenter.sh/v1:NodePool", ObjectKind("karpenter.sh/v1", "NodePool")),
        ("kubernetes:traefik.io/v1alpha1:IPAllowList", ObjectKind("traefik.io/v1alpha1", "IPAllowList")),
    ],
)
def test_a_token_is_a_kind(token: str, kind: ObjectKind) -> None:
    assert kind_of(token, "the test plugin") == kind


@pytest.mark.parametrize(
    "token",
    [
        "kubernetes:helm.sh/v3:Release",
        "kubernetes:helm.sh/v4:Chart",
        "kubernetes:yaml/v2:ConfigFile",
        "kubernetes:yaml:ConfigFile",
        "kubernetes:kustomize/v2:Directory",
        "kubernetes:core/v1:NamespacePatch",
        "kubernetes:core/v1:NamespaceList",
        "kubernetes:networking.k8s.io/v1:NetworkPolicyPatch",
    ],
)
def test_what_is_no_object_is_refused_by_its_name(token: str) -> None:
    with pytest.raises(PluginError, match=f"the type {token} is not supported by the test plugin"):
        kind_of(token, "the test plugin")


def test_a_secrets_texts_become_data_and_win() -> None:
    inputs = {
        "apiVersion": "v1",
        "kind": "Secret",
        "stringData": {"a": "x", "b": UNKNOWN},
        "data": {"a": "eg==", "c": "eQ"},
    }
    kept = normalized(inputs)
    assert kept == {"apiVersion": "v1", "kind": "Secret", "data": {"a": "eA==", "b": UNKNOWN, "c": "eQ"}}
    assert normalized(kept) == kept
    assert normalized({**inputs, "stringData": UNKNOWN})["stringData"] is UNKNOWN


@pytest.mark.parametrize(
    ("live", "inputs", "kept"),
    [
        ({"spec": {"replicas": 0, "paused": True}}, {"spec": {"replicas": 1}}, {"spec": {"replicas": 0}}),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, {"limits": {"cpu": "1000m", "memory": "1024Mi"}}, None),
        ({"limits": {"cpu": 1}}, {"limits": {"cpu": "2"}}, {"limits": {"cpu": 1}}),
        ({"labels": {"version": "1.0"}}, {"labels": {"version": "1"}}, {"labels": {"version": "1.0"}}),
        ({"spec": {}}, {"spec": {"ingress": [], "hostNetwork": False, "value": ""}}, None),
        ({"spec": {}}, {"spec": {"replicas": 2}}, {"spec": {}}),
        ({"ports": [{"port": 1, "protocol": "TCP"}, {"port": 2}]}, {"ports": [{"port": 1}]}, None),
    ],
    ids=["drift", "spelling", "number", "no quantity", "empty", "gone", "longer list"],
)
def test_a_live_object_is_reduced_to_what_was_asked_for(live: Any, inputs: Any, kept: Any) -> None:
    assert pruned(live, inputs) == (inputs if kept is None else kept)


def test_a_preview_keeps_what_the_server_set_and_drops_what_the_program_no_longer_says() -> None:
    live = {"metadata": {"uid": "1", "labels": {"a": "1", "b": "2", "server": "3"}}, "status": {"x": 1}}
    shown = overlaid(live, {"metadata": {"labels": {"a": "1", "b": "2"}}}, {"metadata": {"labels": {"a": "9"}}})
    assert shown == {"metadata": {"uid": "1", "labels": {"a": "9", "server": "3"}}, "status": {"x": 1}}


def changes(kind: ObjectKind, old: Properties, new: Properties, mutable: Mutable | None = None) -> dict[str, Change]:
    found = compare(old, new, replacing_fields(kind, new, mutable or Mutable()))
    return {each.name: each.change for each in found}


STATEFUL_SET = ObjectKind("apps/v1", "StatefulSet")
SECRET = ObjectKind("v1", "Secret")


@pytest.mark.parametrize(
    ("kind", "old", "new", "expected"),
    [
        (STATEFUL_SET, {"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}, {"spec.replicas": Change.UPDATE}),
        (
            STATEFUL_SET,
            {"spec": {"serviceName": "a"}},
            {"spec": {"serviceName": "b"}},
            {"spec.serviceName": Change.REPLACE},
        ),
        (
            STATEFUL_SET,
            {"spec": {"selector": {"matchLabels": {"a.b/c": "1"}}}},
            {"spec": {"selector": {"matchLabels": {"a.b/c": "2"}}}},
            {'spec.selector.matchLabels["a.b/c"]': Change.REPLACE},
        ),
        (
            STATEFUL_SET,
            {"spec": {"volumeClaimTemplates": [{"spec": {"x": 1}}]}},
            {"spec": {"volumeClaimTemplates": [{"spec": {"x": 2}}]}},
            {"spec.volumeClaimTemplates[0].spec.x": Change.REPLACE},
        ),
        (STATEFUL_SET, {}, {"spec": {"replicas": 1}}, {"spec": Change.UPDATE}),
        (STATEFUL_SET, {}, {"spec": {"serviceName": "a"}}, {"spec": Change.REPLACE}),
        (STATEFUL_SET, {"spec": {"serviceName": "a"}}, {}, {"spec": Change.REPLACE}),
        (
            ObjectKind("v1", "PersistentVolumeClaim"),
            {"spec": {"resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "a"}},
            {"spec": {"resources": {"requests": {"storage": "2Gi"}}, "storageClassName": "b"}},
            {"spec.resources.requests.storage": Change.UPDATE, "spec.storageClassName": Change.REPLACE},
        ),
        (
            ObjectKind("batch/v1", "Job"),
            {"spec": {"template": {"a": 1}}},
            {"spec": {"template": {"a": 2}}},
            {"spec.template.a": Change.REPLACE},
        ),
        (
            ObjectKind("karpenter.sh/v1", "NodePool"),
            {"spec": {"selector": 1}},
            {"spec": {"selector": 2}},
            {"spec.selector": Change.UPDATE},
        ),
        (
            ObjectKind("v1", "Namespace"),
            {"metadata": {"name": "a"}},
            {"metadata": {"name": "b"}},
            {"metadata.name": Change.REPLACE},
        ),
        (
            ObjectKind("v1", "Pod"),
            {"spec": {"containers": [{"image": "a"}]}},
            {"spec": {"containers": [{"image": "b"}]}},
            {"spec.containers[0].image": Change.REPLACE},
        ),
        (SECRET, {"data": {"a": "1"}}, {"data": {"a": UNKNOWN}}, {"data.a": Change.REPLACE}),
        (SECRET, {"data": {"a": None}}, {"data": {}}, {}),
    ],
)
def test_the_fields_that_need_another_object_are_the_official_plugins(
    kind: ObjectKind, old: Properties, new: Properties, expected: dict[str, Change]
) -> None:
    assert changes(kind, old, new) == expected


def test_a_providers_word_lets_content_change_in_place_unless_it_is_immutable() -> None:
    old, new = {"data": {"a": "1"}}, {"data": {"a": "2"}}
    mutable = Mutable(secrets=True, config_maps=True)
    assert changes(SECRET, old, new, mutable) == {"data.a": Change.UPDATE}
    assert changes(SECRET, old, {**new, "immutable": True}, mutable)["data.a"] is Change.REPLACE
    config_map = ObjectKind("v1", "ConfigMap")
    assert changes(config_map, old, new) == {"data.a": Change.REPLACE}
    assert changes(config_map, old, new, mutable) == {"data.a": Change.UPDATE}


def entry(manager: str, operation: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        **more,
    }


def test_what_a_create_wrote_belongs_to_the_applier_afterwards() -> None:
    fields = [
        entry("pulumi-kubernetes", "Update", {"f:spec": {"f:a": {}}}, time="2026-01-01T00:00:00Z"),
        entry("pulumi-kubernetes-1a2b", "Apply", {"f:spec": {"f:b": {}}}),
        entry("pulumi-kubernetes", "Update", {"f:status": {}}, subresource="status"),
        entry("someone", "Update", {"f:spec": {"f:c": {}}}),
    ]
    live = {"apiVersion": "v1", "metadata": {"resourceVersion": "7", "managedFields": fields}}
    managed, version = takeover(live, "pulumi-kubernetes-1a2b")
    assert version["value"] == "7"
    assert managed["value"][:2] == [fields[2], fields[3]]
    own = managed["value"][2]
    assert (own["manager"], own["operation"]) == ("pulumi-kubernetes-1a2b", "Apply")
    assert own["fieldsV1"] == {"f:spec": {"f:a": {}, "f:b": {}}}
    live["metadata"] = {"resourceVersion": "8", "managedFields": managed["value"]}
    assert takeover(live, "pulumi-kubernetes-1a2b") == []
