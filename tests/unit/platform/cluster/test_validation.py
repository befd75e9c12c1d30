"""Validation finds what the API server would refuse, and lets what is right pass."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from codeopen.environment.cluster_settings import ClusterSettings, RegistryKind, RegistrySettings, WarmUpSettings
from codeopen.platform.cluster.objects import Object, Reference, SecretValue, make_object
from codeopen.platform.cluster.platform_objects import platform_objects
from codeopen.platform.cluster.validation import Problem, validate
from tests.unit.platform.cluster.test_platform import FULL, IMAGES, WARM


def deployment() -> dict[str, Any]:
    container = {"name": "a", "image": Reference("a", "r.example/a:1"), "resources": {"limits": {"memory": "1Gi"}}}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    made = make_object("apps/v1", "Deployment", "one", {"spec": spec}, namespace="here")
    return copy.deepcopy(dict(made.manifest))


def problems(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    found = validate([Object(manifest)])
    assert all(problem.object == f"{manifest['kind']}/here/{manifest['metadata']['name']}" for problem in found)
    return [(problem.path, problem.what) for problem in found]


def test_a_right_object_has_no_problem() -> None:
    assert problems(deployment()) == []


@pytest.mark.parametrize(
    "settings",
    [
        FULL,
        ClusterSettings(),
        ClusterSettings(
            registry=RegistrySettings(
                kind=RegistryKind.IN_CLUSTER,
                host="r.example.com",
                issuer="public",
                ingress_class="traefik",
                ingress_namespace="traefik",
                ca_secret="ca",
            ),
            warm_up=WarmUpSettings(openkruise=True),
        ),
    ],
)
def test_the_platforms_own_objects_are_right(settings: ClusterSettings) -> None:
    assert validate(platform_objects(settings, IMAGES, WARM)) == []


def test_an_unknown_field_is_found_however_deep() -> None:
    manifest = deployment()
    manifest["spec"]["template"]["spec"]["containers"][0]["imagePolicy"] = "Always"
    assert problems(manifest) == [("$.spec.template.spec.containers[0]", "unknown field imagePolicy")]
    manifest = deployment()
    manifest["spec"]["replica"] = 1
    assert problems(manifest) == [("$.spec", "unknown field replica")]
    manifest = deployment()
    manifest["status"] = {"no": 1}
    assert problems(manifest)[0][1] == "unknown field no"


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("spec", "replicas"), "1", "$.spec.replicas"),
        (("spec", "selector"), None, "$.spec.selector"),
        (("spec", "template", "metadata", "labels"), {"a": 1}, "$.spec.template.metadata.labels.a"),
        (("spec", "template", "spec", "containers", 0, "name"), 7, "$.spec.template.spec.containers[0].name"),
        (
            ("spec", "template", "spec", "containers", 0, "resources", "limits", "memory"),
            "1 GB",
            "$.spec.template.spec.containers[0].resources.limits.memory",
        ),
        (("spec", "template", "spec", "containers", 0, "ports"), [{"containerPort": "http"}], None),
        (("metadata", "name"), "One_two", "$.metadata.name"),
        (("metadata", "labels"), {"a": "x" * 64}, "$.metadata.labels.a"),
        (("metadata", "labels"), {"a": "two words"}, "$.metadata.labels.a"),
    ],
)
def test_a_wrong_value_is_found_at_its_place(path: tuple[str | int, ...], value: Any, place: str | None) -> None:
    manifest = deployment()
    target: Any = manifest
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    assert (place or "$.spec.template.spec.containers[0].ports[0].containerPort") in [
        found[0] for found in problems(manifest)
    ]


def test_a_missing_value_is_found() -> None:
    manifest = deployment()
    del manifest["spec"]["selector"]
    assert problems(manifest) == [("$.spec", "'selector' is a required property")]


@pytest.mark.parametrize(
    ("api_version", "kind", "body", "word"),
    [
        (
            "traefik.io/v1alpha1",
            "Middleware",
            {"spec": {"forwardAuth": {"adress": "http://a"}}},
            "unknown field adress",
        ),
        (
            "traefik.io/v1alpha1",
            "TLSStore",
            {"spec": {"defaultCertificate": {"secretName": "a"}}},
            "'default' was expected",
        ),
        ("traefik.io/v1alpha1", "ServersTransport", {"spec": {"insecureSkipVerify": True}}, "False was expected"),
        (
            "cert-manager.io/v1",
            "Certificate",
            {"spec": {"secretName": "a", "dnsNames": ["a"]}},
            "'issuerRef' is a required",
        ),
        (
            "apps.kruise.io/v1alpha1",
            "ImageListPullJob",
            {"spec": {"images": ["a"]}},
            "'completionPolicy' is a required",
        ),
        ("karpenter.sh/v1", "NodePool", {"spec": {"template": {"spec": {}}}}, "'nodeClassRef' is a required"),
        ("karpenter.sh/v1alpha1", "NodeOverlay", {"spec": {"capacity": {}}}, "'requirements' is a required"),
        ("karpenter.k8s.aws/v1", "EC2NodeClass", {"spec": {"role": "a"}}, "'amiSelectorTerms' is a required"),
        ("example.com/v1", "Widget", {}, "no schema of example.com/v1 Widget"),
        ("apps/v1beta1", "Deployment", {}, "no schema of apps/v1beta1 Deployment"),
        ("apps.example.com/v1", "Deployment", {}, "no schema of apps.example.com/v1 Deployment"),
    ],
)
def test_custom_resources_are_checked_too(api_version: str, kind: str, body: dict[str, Any], word: str) -> None:
    found = validate([make_object(api_version, kind, "one", body, namespace="here")])
    assert word in " ".join(str(problem) for problem in found)


def test_two_objects_of_one_name_are_found() -> None:
    one = Object(deployment())
    other = {**deployment(), "metadata": {**deployment()["metadata"], "namespace": "there"}}
    assert validate([one, Object(other)]) == []
    assert validate([one, one]) == [Problem("Deployment/here/one", "$.metadata.name", "2 objects have this name")]


def test_a_secrets_value_is_in_no_problem() -> None:
    body = {"type": "Opaque", "stringData": {"a": SecretValue("password")}, "strData": {"b": "hunter2"}}
    found = validate([make_object("v1", "Secret", "one", body, namespace="here")])
    assert [problem.what for problem in found] == ["unknown field strData"]
    assert "hunter2" not in str(found)
