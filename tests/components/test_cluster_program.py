"""The programs of stacks on Kubernetes under mocks: what they declare, exactly."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from stacks.program import run_stack
from tests.components.mocks import Declared, record

CLUSTER = {"ingress": {"domain": "dev.example.com", "forwardAuth": "http://auth.example.com/verify"}}
DEMO = {"id": "demo", "tier": "builder", "flavor": "js", "addons": ["gui"], "name": "A demo", "owner": "ann"}
PLAN_DIGEST = f"sha256:{'7' * 64}"


def declare_alone(**more: Any) -> list[Declared]:
    """What the stack of one project declares."""
    values = {"cluster": CLUSTER, "project": {**DEMO, "planDigest": PLAN_DIGEST}, **more}
    return record(run_stack, {"registry": "ghcr.io", **{key: json.dumps(value) for key, value in values.items()}})


def only(resources: list[Declared], kind: str) -> Declared:
    (found,) = [each for each in resources if each.type.rpartition(":")[2] == kind]
    return found


def pod(resources: list[Declared]) -> dict[str, Any]:
    template: dict[str, Any] = only(resources, "StatefulSet").inputs["spec"]["template"]["spec"]
    return template


def test_a_projects_stack_declares_its_objects_and_nothing_of_the_platforms() -> None:
    kinds = Counter(each.type for each in declare_alone())
    assert (
        kinds
        == {
            "pulumi:providers:kubernetes": 1,
            "codeopen:index:PublishedImage": 1,
            "codeopen:kubernetes:ProjectStack": 1,
            "codeopen:index:Credential": 3,
            "codeopen:index:GrantedStorage": 1,
            "kubernetes:core/v1:Namespace": 1,
            "kubernetes:core/v1:ResourceQuota": 1,
            "kubernetes:core/v1:LimitRange": 1,
            "kubernetes:networking.k8s.io/v1:NetworkPolicy": 4,
            "kubernetes:core/v1:ServiceAccount": 1,
            "kubernetes:core/v1:PersistentVolumeClaim": 1,
            "kubernetes:core/v1:Secret": 1,
            "kubernetes:core/v1:Service": 1,
            "kubernetes:policy/v1:PodDisruptionBudget": 1,
            "kubernetes:apps/v1:StatefulSet": 1,
            "kubernetes:networking.k8s.io/v1:Ingress": 1,
            "pulumi:pulumi:Stack": 1,
        }
        or kinds
    )


def test_its_pod_runs_the_image_of_its_plan_with_the_computed_resources() -> None:
    resources = declare_alone()
    (container,) = pod(resources)["containers"]
    assert container["image"] == f"ghcr.io/codeopen/codeopen-js-gui@sha256:{'5' * 64}"
    assert container["resources"]["limits"] == {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "10Gi"}
    assert only(resources, "PublishedImage").inputs["planDigest"] == PLAN_DIGEST


@pytest.mark.parametrize(("state", "replicas"), [("running", 1), ("hibernated", 0)])
def test_hibernation_takes_the_pod_and_nothing_else(state: str, replicas: int) -> None:
    project = {**DEMO, "planDigest": PLAN_DIGEST, "state": state}
    resources = declare_alone(project=project)
    assert only(resources, "StatefulSet").inputs["spec"]["replicas"] == replicas
    assert Counter(each.type for each in resources) == Counter(each.type for each in declare_alone())


def test_a_rename_changes_an_annotation_only() -> None:
    one, other = declare_alone(), declare_alone(project={**DEMO, "planDigest": PLAN_DIGEST, "name": "Another"})
    different = [(mine, its) for mine, its in zip(ordered(one), ordered(other), strict=True) if mine != its]
    assert [mine.type for mine, _ in different] == ["kubernetes:core/v1:Namespace"]


def ordered(resources: list[Declared]) -> list[Declared]:
    return sorted(resources, key=lambda each: (each.type, each.name))
