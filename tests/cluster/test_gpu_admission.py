"""What the API server refuses of projects' pods so that GPUs go to those who claim them, and when a pool is full.

Nothing here has a GPU: that ``void`` hides one is the container runtime's part, and not exercised.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from codeopen.platform.cluster.gpu.admission import VARIABLE, gpu_admission_objects
from codeopen.platform.cluster.gpu.pools import CheckedPool, gpu_scheduling
from codeopen.platform.cluster.gpu.seats import pool_quota, seat_namespace, seat_objects
from codeopen.platform.cluster.objects import MANAGED_BY
from codeopen.platform.cluster.workload.deployment import GpuPlacement
from tests.cluster.control_plane import ControlPlane
from tests.cluster.manifests import namespace, pod
from tests.unit.platform.cluster.gpu_examples import exclusive, shared

VOID = [{"name": VARIABLE, "value": "void"}]
GPU_LIMIT = {"nvidia.com/gpu": "1"}


def project(name: str, owner: str = "") -> dict[str, Any]:
    made = namespace(name)
    made["metadata"]["labels"] |= {**MANAGED_BY, "codeopen.dev/project": name}
    if owner:
        made["metadata"]["labels"]["codeopen.dev/owner"] = owner
    return made


def placed(where: str, name: str, placement: GpuPlacement, **spec: Any) -> dict[str, Any]:
    tolerations = [dict(each) for each in placement.tolerations]
    return pod(where, name, placement.resources, tolerations=tolerations, affinity=placement.affinity, **spec)


def with_container(made: dict[str, Any], **fields: Any) -> dict[str, Any]:
    made["spec"]["containers"][0] |= fields
    return made


@pytest.fixture(scope="module")
def guarded(cluster: ControlPlane) -> Iterator[ControlPlane]:
    """The cluster with the policies, once they bind, and with the namespaces of three projects."""
    cluster.apply(project("plain"), project("anna", "anna"), project("bob", "bob"), namespace("elsewhere"))
    for each in gpu_admission_objects():
        cluster.apply(each.manifest)

    def bind() -> bool:
        return "ValidatingAdmissionPolicy" in cluster.kubectl(
            "create", "--dry-run=server", "-f", "-", stdin=_json(pod("plain", "probe")), check=False
        )

    cluster.wait_for("the policies bind", bind)
    yield cluster
    for each in gpu_admission_objects():
        cluster.kubectl("delete", each.kind, each.name, "--ignore-not-found")
    # Their pods would take the GPUs of other tests' nodes.
    cluster.kubectl("delete", "namespace", "plain", "anna", "bob", "elsewhere")


def _json(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest)


def test_a_policy_has_no_mistake_of_type(guarded: ControlPlane) -> None:
    def checked() -> bool:
        found = guarded.items("validatingadmissionpolicies")
        return bool(found) and all("typeChecking" in policy.get("status", {}) for policy in found)

    guarded.wait_for("the policies' types checked", checked)
    for policy in guarded.items("validatingadmissionpolicies"):
        assert policy["status"]["typeChecking"] == {}, policy["metadata"]["name"]


def test_a_pod_without_a_claim_must_hide_the_gpus_that_its_image_asks_for(guarded: ControlPlane) -> None:
    reason = "a container that claims no GPU must set NVIDIA_VISIBLE_DEVICES=void"
    assert reason in guarded.refused(pod("plain", "silent"))
    for env in (
        [{"name": VARIABLE, "value": "all"}],
        [{"name": VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    ):
        assert reason in guarded.refused(with_container(pod("plain", "loud"), env=env))
    twice = with_container(pod("plain", "twice"), env=[*VOID, {"name": VARIABLE, "value": "all"}])
    assert reason in guarded.kubectl("create", "-f", "-", stdin=_json(twice), check=False)
    none = with_container(pod("plain", "zero", {"nvidia.com/gpu": "0"}))
    assert reason in guarded.refused(none)
    guarded.apply(with_container(pod("plain", "hidden"), env=VOID))


def test_every_container_counts(guarded: ControlPlane) -> None:
    made = with_container(pod("plain", "two"), env=VOID)
    second = {**made["spec"]["containers"][0], "name": "second", "env": []}
    for list_ in ("containers", "initContainers"):
        whole = {**made, "spec": {**made["spec"], list_: [*made["spec"].get(list_, []), second]}}
        assert "a container that claims no GPU" in guarded.refused(whole)
    guarded.apply(with_container(pod("plain", "debugged"), env=VOID))
    told = guarded.kubectl(
        "debug", "debugged", "--namespace", "plain", "--image", "registry.invalid/debug", "--profile", "restricted",
        check=False,
    )  # fmt: skip
    assert "a container that claims no GPU" in told


def test_a_pod_with_a_claim_leaves_the_variable_to_the_device_plugin(guarded: ControlPlane) -> None:
    claiming = pod("plain", "claiming", GPU_LIMIT)
    for value in ("all", "void"):
        told = guarded.refused(with_container(claiming, env=[{"name": VARIABLE, "value": value}]))
        assert "a container that claims a GPU must not set" in told
    guarded.apply(pod("plain", "claims", GPU_LIMIT))


def test_the_variable_comes_from_nowhere_else(guarded: ControlPlane) -> None:
    for kind, field in (("Secret", "stringData"), ("Secret", "data"), ("ConfigMap", "data")):
        values = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "values", "namespace": "plain"}}
        assert "must not come from a Secret or ConfigMap" in guarded.refused({**values, field: {VARIABLE: "YWxs"}})
        guarded.apply({**values, field: {"OTHER": "YWxs"}})
    made_up = [{"prefix": "NVIDIA_", "secretRef": {"name": "values"}}]
    assert "envFrom must have no prefix" in guarded.refused(
        with_container(pod("plain", "prefixed", GPU_LIMIT), envFrom=made_up)
    )
    whole = [{"secretRef": {"name": "values"}}]
    guarded.apply(with_container(pod("plain", "whole", GPU_LIMIT), envFrom=whole))


def test_devices_are_claimed_by_limits_only(guarded: ControlPlane) -> None:
    annotated = with_container(pod("plain", "annotated"), env=VOID)
    annotated["metadata"]["annotations"] = {"cdi.k8s.io/all": "nvidia.com/gpu=all"}
    assert "devices are claimed by resource limits only" in guarded.refused(annotated)
    claims = [{"name": "gpu", "resourceClaimTemplateName": "gpu"}]
    claimed = with_container(pod("plain", "claimed", resourceClaims=claims), env=VOID)
    assert "devices are claimed by resource limits only" in guarded.refused(claimed)


def test_tolerations_open_gpu_nodes_to_claims_alone(guarded: ControlPlane) -> None:
    everything = [{"operator": "Exists"}]
    gpu = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    for claim in ({}, GPU_LIMIT):
        env = [] if claim else VOID
        made = with_container(pod("plain", "any", claim, tolerations=everything), env=env)
        assert "a toleration must name a taint" in guarded.refused(made)
    made = with_container(pod("plain", "tolerant", tolerations=gpu), env=VOID)
    assert "only a pod that claims a GPU may tolerate" in guarded.refused(made)
    guarded.apply(with_container(pod("plain", "later"), env=VOID))
    patch = _json({"spec": {"tolerations": gpu}})
    told = guarded.kubectl("patch", "pod", "later", "-n", "plain", "--type=merge", "-p", patch, check=False)
    assert "only a pod that claims a GPU may tolerate" in told
    guarded.apply(pod("plain", "claims-and-tolerates", GPU_LIMIT, tolerations=gpu))


def test_a_node_is_not_chosen_by_name(guarded: ControlPlane) -> None:
    named = with_container(pod("plain", "named", nodeName="node-1"), env=VOID)
    assert "a pod must not choose its node by name" in guarded.refused(named)


def test_only_its_owner_takes_turns_on_a_shared_gpu(guarded: ControlPlane) -> None:
    pool = shared(owner="anna")
    taints = [dict(taint) for taint in pool.taints]
    guarded.add_node("turns-1", pool.labels, taints, {pool.resource: str(pool.per_gpu)})
    placement = gpu_scheduling(pool, 1)
    guarded.apply(placed("anna", "turn", placement))
    assert guarded.wait_for_pod("anna", "turn")["spec"]["nodeName"] == "turns-1"
    for where in ("bob", "plain"):
        told = guarded.refused(placed(where, "turn", placement))
        assert "may be tolerated with the value of the namespace's own label only" in told
        assert guarded.items("pods", where, "--field-selector", "metadata.name=turn") == []
    sly = placed("bob", "sly", placement)
    sly["spec"]["tolerations"][1] = {"key": "codeopen.dev/owner", "operator": "Exists"}
    assert "may be tolerated with the value of the namespace's own label only" in guarded.refused(sly)
    own = gpu_scheduling(shared(owner="bob"), 1)
    for affinity in ({}, placement.affinity):
        made = placed("bob", "elsewhere", own)
        made["spec"]["affinity"] = affinity
        assert "must require nodes whose label codeopen.dev/owner" in guarded.refused(made)


def test_other_namespaces_are_left_alone(guarded: ControlPlane) -> None:
    guarded.apply(pod("elsewhere", "free", tolerations=[{"operator": "Exists"}]))


def test_a_pod_from_before_the_policy_may_end(guarded: ControlPlane) -> None:
    old = pod("former", "old")
    old["metadata"]["finalizers"] = ["codeopen.dev/test"]
    guarded.apply(namespace("former"), old)
    guarded.apply(project("former"))
    told = guarded.kubectl("label", "pod", "old", "-n", "former", "a=b", check=False)
    assert "a container that claims no GPU" in told
    guarded.kubectl("delete", "pod", "old", "-n", "former", "--wait=false")

    def gone() -> bool:  # kwok takes the finalizer off, as its owner would
        return guarded.items("pods", "former") == []

    guarded.wait_for("the pod gone", gone)


def test_a_project_too_many_is_refused_its_seat(cluster: ControlPlane) -> None:
    pool = exclusive(max_gpus=2)
    for each in pool_quota(pool):
        cluster.apply(each.manifest)
    where = seat_namespace(pool)
    cluster.wait_for("the quota counted", lambda: "hard" in cluster.get("quota", "seats", namespace=where)["status"])
    for name in ("one", "two"):
        cluster.apply(*(seat.manifest for seat in seat_objects(pool, name, 1)))
    (third,) = seat_objects(pool, "three", 1)
    told = cluster.refused(third.manifest)
    assert "exceeded quota: seats, requested: count/leases.coordination.k8s.io=1, used" in told
    cluster.apply(*(seat.manifest for seat in seat_objects(pool, "two", 1)))  # its own seat is no second one
    cluster.kubectl("delete", "lease", "one.0", "-n", where)

    def seated() -> bool:
        return not cluster.kubectl("create", "-f", "-", stdin=_json(third.manifest), check=False).startswith("Error")

    cluster.wait_for("the seat that became free", seated, 60)
    assert _holders(cluster, pool) == ["three", "two"]


def _holders(cluster: ControlPlane, pool: CheckedPool) -> list[str]:
    return sorted(each["spec"]["holderIdentity"] for each in cluster.items("leases", seat_namespace(pool)))
