"""What keeps a project to itself: its namespace, the most that it may have, and whom it may talk to."""

from __future__ import annotations

from typing import Any, Final

from codeopen.environment.cluster_settings import ClusterSettings, NetworkSettings
from codeopen.platform.cluster.objects import GROUP, Object, make_object
from codeopen.platform.cluster.pods import dns_rule, namespace_peer
from codeopen.platform.cluster.workload.deployment import WORKSPACE, ProjectDeployment
from codeopen.platform.cluster.workload.resources import limits, quota

POD_SECURITY: Final = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
    "pod-security.kubernetes.io/warn": "restricted",
}


def namespace(project: ProjectDeployment) -> Object:
    """The namespace, which outlives the workload: deleting it would delete the claim in it."""
    return make_object(
        "v1",
        "Namespace",
        project.namespace,
        {},
        labels={**project.labels, **POD_SECURITY},
        annotations={f"{GROUP}/display-name": project.display_name},
        retain=True,
    )


def service_account(project: ProjectDeployment) -> Object:
    """An account without rights or token: nothing in a workspace talks to the API server."""
    return make_object(
        "v1",
        "ServiceAccount",
        WORKSPACE,
        {"automountServiceAccountToken": False},
        namespace=project.namespace,
        labels=project.labels,
    )


def resource_quota(project: ProjectDeployment, scratch: str) -> Object:
    """Room for one pod of the computed size and one claim of the granted size, and for nothing else."""
    return make_object(
        "v1",
        "ResourceQuota",
        WORKSPACE,
        {"spec": {"hard": quota(project, scratch)}},
        namespace=project.namespace,
        labels=project.labels,
    )


def limit_range(project: ProjectDeployment, scratch: str) -> Object:
    """The same bounds for each container, and what one gets that asks for nothing."""
    bounds = limits(project.resolution.resources, scratch)
    item = {"type": "Container", "default": bounds, "defaultRequest": bounds, "max": bounds}
    return make_object(
        "v1",
        "LimitRange",
        WORKSPACE,
        {"spec": {"limits": [item]}},
        namespace=project.namespace,
        labels=project.labels,
    )


def network_policies(project: ProjectDeployment, settings: ClusterSettings) -> tuple[Object, ...]:
    """Nothing in or out, but the gate to the project's ports, DNS, and public addresses. Raises SettingsError."""
    rules: list[tuple[str, dict[str, Any]]] = [
        ("default-deny", {"policyTypes": ["Ingress", "Egress"]}),
        ("dns", {"policyTypes": ["Egress"], "egress": [dns_rule(settings.network)]}),
        ("public-egress", {"policyTypes": ["Egress"], "egress": [_public(settings.network)]}),
    ]
    if settings.ingress is not None:
        gate = {
            "from": [namespace_peer(settings.ingress.namespace)],
            "ports": [{"protocol": "TCP", "port": port.port} for port in project.resolution.ports],
        }
        rules.append(("gate", {"policyTypes": ["Ingress"], "ingress": [gate]}))
    return tuple(
        make_object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            name,
            {"spec": {"podSelector": {}, **spec}},
            namespace=project.namespace,
            labels=project.labels,
        )
        for name, spec in rules
    )


def _public(network: NetworkSettings) -> dict[str, Any]:
    """Every public address: not the cluster's own, not the neighbours', not the cloud's metadata services."""
    blocks = [{"ipBlock": {"cidr": "0.0.0.0/0", "except": list(network.blocked)}}]
    blocks.append({"ipBlock": {"cidr": "::/0", "except": list(network.blocked_v6)}})
    return {"to": blocks}
