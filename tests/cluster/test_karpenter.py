"""Karpenter makes nodes for pods with GPUs, and takes them away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.cluster.karpenter import node_class_reference
from tests.cluster.manifests import namespace, pod

pytestmark = pytest.mark.heavy
GPU = "nvidia.com/gpu"
POOL = "gpu-pool"


def _gpu_pool() -> dict[str, Any]:
    requirement = {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["gpu-1x", "gpu-4x"]}
    template = {
        "nodeClassRef": node_class_reference(),
        "taints": [{"key": GPU, "effect": "NoSchedule"}],
        "requirements": [requirement],
        "expireAfter": "Never",
    }
    disruption = {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "1s"}
    spec = {"template": {"spec": template}, "limits": {GPU: "2"}, "disruption": disruption}
    return {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": POOL}, "spec": spec}


def _nodes(cluster: ControlPlane) -> list[dict[str, Any]]:
    return cluster.items("nodes", None, "--selector", f"karpenter.sh/nodepool={POOL}")


def test_a_gpu_node_comes_for_a_pending_pod_and_goes_with_it(karpenter_cluster: ControlPlane) -> None:
    cluster = karpenter_cluster
    cluster.apply(_gpu_pool(), namespace("gpu"))
    assert _nodes(cluster) == []
    toleration = {"key": GPU, "operator": "Exists"}
    cluster.apply(pod("gpu", "one", {GPU: "1", "cpu": "2", "memory": "8Gi"}, tolerations=[toleration]))
    running = cluster.wait_for_pod("gpu", "one", seconds=60)
    (node,) = _nodes(cluster)
    assert running["spec"]["nodeName"] == node["metadata"]["name"]
    assert node["metadata"]["labels"]["node.kubernetes.io/instance-type"] == "gpu-1x", "the cheapest that fits"
    cluster.apply(pod("gpu", "above", {GPU: "4"}, tolerations=[toleration]))
    cluster.kubectl("delete", "pod", "one", "--namespace", "gpu", "--wait=false")
    cluster.wait_for("the node gone", lambda: not _nodes(cluster), 120)
    assert cluster.get("pod", "above", namespace="gpu")["status"]["phase"] == "Pending", "above the pool's limit"
