"""A GPU pool for Karpenter: a NodePool, and where a GPU is shared the overlay that tells it of the parts."""

from __future__ import annotations

from typing import Any, Final

from codeopen.platform.cluster.gpu.pools import GPU, POOL_LABEL, CheckedPool
from codeopen.platform.cluster.objects import SKIP_AWAIT, Object, make_object

_ALL: Final = "100%"


def node_pool_name(checked: CheckedPool) -> str:
    """The name of its NodePool."""
    return f"codeopen-gpu-{checked.name}"


def karpenter_objects(checked: CheckedPool) -> tuple[Object, ...]:
    """Everything that Karpenter needs to make the pool's nodes. The node class must be there already."""
    return (*node_overlays(checked), node_pool(checked))


def node_pool(checked: CheckedPool) -> Object:
    """The NodePool: no node of it goes while a workspace runs there, and none stays that nobody uses."""
    pool = checked.pool
    limits = {GPU: str(pool.max_gpus)}
    if checked.resource != GPU:
        limits[checked.resource] = str(checked.seats)
    reference = {"group": pool.node_class.group, "kind": pool.node_class.kind, "name": pool.node_class.name}
    template = {
        "metadata": {"labels": checked.labels},
        "spec": {
            "nodeClassRef": reference,
            "requirements": _requirements(checked),
            "taints": [dict(taint) for taint in checked.taints],
            "expireAfter": "Never",
        },
    }
    # Its defaults would move workspaces to fuller nodes at once, and end each node after a month.
    disruption = {
        "consolidationPolicy": "WhenEmpty",
        "consolidateAfter": pool.empty_after,
        "budgets": [
            {"nodes": _ALL, "reasons": ["Empty"]},
            {"nodes": "0", "reasons": ["Drifted", "Underutilized"]},
        ],
    }
    return make_object(
        "karpenter.sh/v1",
        "NodePool",
        node_pool_name(checked),
        {"spec": {"weight": pool.weight, "limits": limits, "disruption": disruption, "template": template}},
        labels={POOL_LABEL: checked.name},
        annotations=SKIP_AWAIT,
    )


def node_overlays(checked: CheckedPool) -> tuple[Object, ...]:
    """What the parts of a shared GPU are called on nodes that don't exist yet, by the number of GPUs in a machine.

    Karpenter knows whole GPUs only, and would never make a node for a pod that asks for ``nvidia.com/gpu.shared``. Its
    feature gate ``NodeOverlay`` must be on.
    """
    if checked.resource == GPU:
        return ()
    return tuple(
        make_object(
            "karpenter.sh/v1alpha1",
            "NodeOverlay",
            f"{node_pool_name(checked)}-{gpus}",
            {
                "spec": {
                    "requirements": [
                        _within("karpenter.sh/nodepool", [node_pool_name(checked)]),
                        _within("node.kubernetes.io/instance-type", _types(checked, gpus)),
                    ],
                    "capacity": {checked.resource: str(gpus * checked.per_gpu)},
                }
            },
            labels={POOL_LABEL: checked.name},
            annotations=SKIP_AWAIT,
        )
        for gpus in sorted({machine.gpus for machine in checked.machines})
    )


def _requirements(checked: CheckedPool) -> list[dict[str, Any]]:
    pool = checked.pool
    found = [
        _within("kubernetes.io/arch", ["amd64"]),
        _within("kubernetes.io/os", ["linux"]),
        _within("node.kubernetes.io/instance-type", _types(checked, 0)),
        _within("karpenter.sh/capacity-type", [pool.capacity_type.value]),
    ]
    return [*found, _within("topology.kubernetes.io/zone", list(pool.zones))] if pool.zones else found


def _types(checked: CheckedPool, gpus: int) -> list[str]:
    return sorted({machine.machine for machine in checked.machines if gpus in {0, machine.gpus}})


def _within(key: str, values: list[str]) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": values}
