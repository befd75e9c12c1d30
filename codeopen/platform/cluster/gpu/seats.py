"""A pool's limit, refused at once where it is reached: each GPU that a project may use is a seat.

A quota counts within one namespace, and projects have one each; Karpenter's own limit is only looked at now and then.
So each pool has a namespace of seats (Leases), of which a quota allows as many as the pool has GPUs to give. A project
takes its seats before its pod is made: the one that is one too many is refused by the API server, in the quota's name.
"""

from __future__ import annotations

from codeopen.errors import CapacityError
from codeopen.platform.cluster.gpu.pools import POOL_LABEL, CheckedPool
from codeopen.platform.cluster.objects import GROUP, Object, make_object

SEATS = "seats"


def seat_namespace(checked: CheckedPool) -> str:
    """Where the seats of a pool are, as ``codeopen-gpu-l4``."""
    return f"{GROUP.partition('.')[0]}-gpu-{checked.name}"


def pool_quota(checked: CheckedPool) -> tuple[Object, ...]:
    """The namespace of a pool's seats, and how many there are."""
    namespace, labels = seat_namespace(checked), {POOL_LABEL: checked.name}
    hard = {"count/leases.coordination.k8s.io": str(checked.seats), "pods": "0"}
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    return (
        make_object("v1", "Namespace", namespace, {}, labels={**labels, **restricted}),
        make_object("v1", "ResourceQuota", SEATS, {"spec": {"hard": hard}}, namespace=namespace, labels=labels),
    )


def seat_objects(checked: CheckedPool, project_id: str, gpus: int) -> tuple[Object, ...]:
    """The seats of one project: as many as its pod claims GPUs. Raises CapacityError where the pool can't have them."""
    if gpus > checked.seats:
        raise CapacityError(f"GPU pool {checked.name!r}: it has {checked.seats} seats; {project_id!r} wants {gpus}")
    labels = {POOL_LABEL: checked.name, f"{GROUP}/project": project_id}
    return tuple(
        make_object(
            "coordination.k8s.io/v1",
            "Lease",
            f"{project_id}.{number}",
            {"spec": {"holderIdentity": project_id}},
            namespace=seat_namespace(checked),
            labels=labels,
        )
        for number in range(gpus)
    )
