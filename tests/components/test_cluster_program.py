"""The programs of stacks on Kubernetes under mocks: what they declare, exactly."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import pulumi
import pytest
from pulumi.runtime.mocks import MockResourceArgs

from stacks.program import run_stack
from tests.components.mocks import Declared, Recorder, record

CLUSTER = {"ingress": {"domain": "dev.example.com", "forwardAuth": "http://auth.example.com/verify"}}
DEMO = {"id": "demo", "tier": "builder", "flavor": "js", "addons": ["gui"], "name": "A demo", "owner": "ann"}
PLAN_DIGEST = f"sha256:{'7' * 64}"


def declare_alone(**more: Any) -> list[Declared]:
    """What the stack of one project declares."""
    values = {"cluster": CLUSTER, "project": {**DEMO, "planDigest": PLAN_DIGEST}, **more}
    return record(run_stack, {"registry": "ghcr.io", **{key: json.dumps(value) for key, value in values.items()}})


def declare_platform(*projects: dict[str, Any], cluster: dict[str, Any] = CLUSTER, **secrets: str) -> list[Declared]:
    """What the platform's stack declares with projects that it lists."""
    values = {"cluster": cluster, "projects": projects, "combinations": []}
    return record(
        run_stack, {"registry": "ghcr.io", **secrets, **{key: json.dumps(value) for key, value in values.items()}}
    )


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


def test_one_that_is_removed_keeps_its_files_and_logins_and_looks_up_no_image() -> None:
    running = declare_alone()
    removed = declare_alone(project={**DEMO, "planDigest": PLAN_DIGEST, "state": "removed"})
    gone = Counter(each.type for each in running) - Counter(each.type for each in removed)
    assert gone == dict.fromkeys(
        (
            "codeopen:index:PublishedImage",
            "kubernetes:core/v1:ServiceAccount",
            "kubernetes:core/v1:Secret",
            "kubernetes:core/v1:Service",
            "kubernetes:policy/v1:PodDisruptionBudget",
            "kubernetes:apps/v1:StatefulSet",
            "kubernetes:networking.k8s.io/v1:Ingress",
        ),
        1,
    )
    left = {each.name: each for each in removed if each.type != "pulumi:pulumi:Stack"}
    assert left == {each.name: each for each in running if each.name in left}, "and they are as they were"


def test_the_granted_size_can_ask_the_claim() -> None:
    """In the cluster that the project is in."""
    resources = declare_alone(cluster={**CLUSTER, "kubeconfig": "~/team.yaml", "context": "team"})
    claim = only(resources, "PersistentVolumeClaim").inputs["metadata"]
    inputs = only(resources, "GrantedStorage").inputs
    assert inputs["claim"] == f"{claim['namespace']}/{claim['name']}" == "codeopen-demo/home"
    assert (inputs["kubeconfig"]["value"], inputs["context"]) == ("~/team.yaml", "team"), "the first as a secret"


def test_a_rename_changes_an_annotation_only() -> None:
    one, other = declare_alone(), declare_alone(project={**DEMO, "planDigest": PLAN_DIGEST, "name": "Another"})
    different = [(mine, its) for mine, its in zip(ordered(one), ordered(other), strict=True) if mine != its]
    assert [mine.type for mine, _ in different] == ["kubernetes:core/v1:Namespace"]


T4 = {"name": "t4", "platform": "karpenter", "model": "nvidia-t4", "maxGpus": 1}
LEARNER = {"id": "learner", "tier": "creator", "flavor": "python", "addons": ["gpu"]}
REGISTRY = {"kind": "in-cluster", "host": "registry.example.com", "tlsSecret": "there", "ingressClass": "traefik"}
BINDING = {
    "platform-priorityclass-codeopen-workspace",
    "platform-validatingadmissionpolicy-codeopen-gpu-pods",
    "platform-validatingadmissionpolicybinding-codeopen-gpu-pods",
    "platform-validatingadmissionpolicybinding-codeopen-gpu-values",
    "platform-middleware-forward-auth",
}


def test_a_listed_project_waits_for_what_binds_it_and_a_gpu_project_for_its_pool() -> None:
    resources = declare_platform(DEMO, LEARNER, cluster={**CLUSTER, "gpuPools": [T4]})
    after = {each.name: each.after for each in resources if each.type == "codeopen:kubernetes:ProjectStack"}
    assert after["project-demo"] >= BINDING
    assert after["project-learner"] >= BINDING | {"gpu-t4-resourcequota-seats", "gpu-t4-namespace-codeopen-gpu-t4"}
    assert not [name for name in after["project-demo"] if name.startswith("gpu-t4")]


def test_all_that_a_project_has_comes_after_what_binds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the API server takes its time with policies."""
    at_once = Recorder.new_resource

    def slowly(self: Recorder, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        if args.name in BINDING:
            time.sleep(0.3)
        return at_once(self, args)

    monkeypatch.setattr(Recorder, "new_resource", slowly)
    names = [each.name for each in declare_platform(DEMO)]
    last = max(names.index(name) for name in BINDING)
    assert min(number for number, name in enumerate(names) if name.startswith("project-demo")) > last


def test_listed_projects_that_want_more_gpus_than_there_are_seats_are_refused_before_anything_is_declared() -> None:
    cluster = {**CLUSTER, "gpuPools": [T4]}
    with pytest.raises(pulumi.RunError, match=r"GPU pool 't4': its projects want 2 GPUs.* and it has 1; raise maxGpus"):
        declare_platform(LEARNER, {**LEARNER, "id": "other"}, cluster=cluster)
    assert declare_platform(LEARNER, {**LEARNER, "id": "other", "state": "hibernated"}, cluster=cluster)


def test_images_are_looked_up_when_the_clusters_own_registry_is_there() -> None:
    """And what could build them; what runs images itself waits for them, so that a first run leaves a registry."""
    builder = {"enabled": True, "issuer": "builders"}
    cluster = {**CLUSTER, "registry": REGISTRY, "builder": builder, "warmUp": {"enabled": True}}
    resources = declare_platform(DEMO, cluster=cluster, registryHtpasswd="x", registryHttpSecret="y")
    images = {each.name: each.after for each in resources if each.type == "codeopen:index:PublishedImage"}
    assert images
    for after in images.values():
        assert after >= {
            "platform-deployment-registry",
            "platform-service-registry",
            "platform-ingress-registry",
            "platform-networkpolicy-registry",
            "platform-statefulset-buildkitd",
        }
        assert not [name for name in after if "warm-up" in name and "daemonset" in name]
    elsewhere = declare_platform(DEMO)
    assert {each.after for each in elsewhere if each.type == "codeopen:index:PublishedImage"} == {frozenset()}


def ordered(resources: list[Declared]) -> list[Declared]:
    return sorted(resources, key=lambda each: (each.type, each.name))


def test_a_run_that_takes_over_objects_declares_what_the_next_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    before = only(declare_alone(), "kubernetes").inputs
    monkeypatch.setenv("PULUMI_K8S_UPSERT_EXISTING_OBJECTS", "true")
    assert only(declare_alone(), "kubernetes").inputs == before
