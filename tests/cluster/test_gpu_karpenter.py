"""A GPU pool's own objects under real Karpenter: from no node to one, no further than the limit, and back to none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from codeopen.environment.gpu_settings import NodeClass
from codeopen.platform.cluster.gpu.karpenter import karpenter_objects, node_pool_name
from codeopen.platform.cluster.gpu.pools import CheckedPool, gpu_scheduling
from tests.cluster.control_plane import ControlPlane, control_plane
from tests.cluster.karpenter import NODE_CLASS, InstanceType, karpenter
from tests.cluster.manifests import namespace, pod
from tests.unit.platform.cluster.gpu_examples import exclusive

pytestmark = pytest.mark.heavy

TYPES = (
    InstanceType("g4dn.xlarge", "4", "16Gi", 0.526, {"nvidia.com/gpu": "1"}),
    InstanceType("g4dn.2xlarge", "8", "32Gi", 0.752, {"nvidia.com/gpu": "1"}),
)
CLASS = NodeClass("karpenter.kwok.sh", "KWOKNodeClass", NODE_CLASS)


@pytest.fixture(scope="module")
def pools_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("pools")) as cluster, karpenter(cluster, TYPES):
        yield cluster


def placed(name: str, checked: CheckedPool) -> dict[str, Any]:
    placement = gpu_scheduling(checked, 1)
    tolerations = [dict(each) for each in placement.tolerations]
    requests = {"cpu": "4", "memory": "4Gi", **placement.resources}
    return pod("pool", name, requests, tolerations=tolerations, affinity=placement.affinity)


def test_a_pool_grows_from_nothing_to_its_limit_and_empties(pools_cluster: ControlPlane) -> None:
    checked = exclusive(node_class=CLASS, max_gpus=1, empty_after="5s")
    pools_cluster.apply(namespace("pool"), *(each.manifest for each in karpenter_objects(checked)))
    assert pools_cluster.items("nodes") == []
    pools_cluster.apply(placed("first", checked))
    where = pools_cluster.wait_for_pod("pool", "first", 60)["spec"]["nodeName"]
    node = pools_cluster.get("node", where)
    # The smaller machine is cheaper, but hasn't the cores.
    assert node["metadata"]["labels"]["node.kubernetes.io/instance-type"] == "g4dn.2xlarge"
    assert checked.labels.items() <= node["metadata"]["labels"].items()
    taints = {(taint["key"], taint.get("value", ""), taint["effect"]) for taint in node["spec"]["taints"]}
    assert taints == {("nvidia.com/gpu", "present", "NoSchedule")}

    pools_cluster.apply(placed("second", checked))
    told = f"would exceed limits for nodepool {node_pool_name(checked)!r}"

    def refused() -> bool:
        events = pools_cluster.items("events", "pool")
        return any("exceed" in event["message"] and event["involvedObject"]["name"] == "second" for event in events)

    pools_cluster.wait_for(told, refused, 60)
    assert len(pools_cluster.items("nodeclaims")) == 1

    pools_cluster.kubectl("delete", "pod", "first", "second", "-n", "pool")
    pools_cluster.wait_for("the pool empty", lambda: pools_cluster.items("nodes") == [], 120)
