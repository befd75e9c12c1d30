"""Computed resources in Kubernetes' terms: what a container may use, is promised, and a namespace may hold.

Source: specification, "Resource Calculation"; Kubernetes, "Resource Quotas".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeopen.model.selection.selection import Resources
from codeopen.platform.cluster.gpu.pools import GPU, SHARED_GPU
from codeopen.platform.cluster.workload.deployment import ProjectDeployment


def limits(resources: Resources, scratch: str) -> dict[str, str]:
    """The most that the container may use: what ``codeopen resolve`` says, and ``scratch`` for what isn't kept."""
    return {"cpu": str(resources.cpu), "memory": str(resources.memory), "ephemeral-storage": scratch}


def requests(resources: Resources, scratch: str) -> dict[str, str]:
    """What the container is promised: its whole CPU, and the memory that the tier and the add-ons reserve."""
    return {**limits(resources, scratch), "memory": str(resources.memory_reservation)}


def container_resources(project: ProjectDeployment, scratch: str) -> dict[str, dict[str, str]]:
    """The ``resources`` of the project's container. A GPU's request must equal its limit."""
    gpu: Mapping[str, str] = project.gpu.resources if project.gpu else {}
    resources = project.resolution.resources
    return {"requests": {**requests(resources, scratch), **gpu}, "limits": {**limits(resources, scratch), **gpu}}


def quota(project: ProjectDeployment, scratch: str) -> dict[str, Any]:
    """The ``hard`` bounds of the project's namespace: one pod and one claim."""
    sizes = container_resources(project, scratch)
    hard: dict[str, Any] = {f"limits.{name}": sizes["limits"][name] for name in ("cpu", "memory", "ephemeral-storage")}
    hard |= {f"requests.{name}": value for name, value in sizes["requests"].items()}
    for gpu in (GPU, SHARED_GPU):
        hard.setdefault(f"requests.{gpu}", "0")
    return hard | {
        "pods": "1",
        "persistentvolumeclaims": "1",
        "requests.storage": claim_size(project),
        "services.loadbalancers": "0",
        "services.nodeports": "0",
    }


def claim_size(project: ProjectDeployment) -> Any:
    """The size of the project's claim in decimal gigabytes, which is what tiers are sold in: ``20G``."""
    if isinstance(project.storage_gb, int):
        return f"{project.storage_gb}G"
    return project.storage_gb.apply(lambda size: f"{int(size)}G")
