"""What all pods of the platform itself have: labels, the ``restricted`` Pod Security Standard, and their resources."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from codeopen.environment.cluster_settings import NetworkSettings
from codeopen.errors import SettingsError
from codeopen.model.quantity import Memory
from codeopen.platform.cluster.objects import GROUP, RESTRICTED_CONTAINER

NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"
PLATFORM_PRIORITY: Final = "codeopen-platform"
_MEBIBYTE: Final = 1 << 20


def selector(component: str) -> dict[str, str]:
    """The label by which Services and policies find a component's pods."""
    return {"app.kubernetes.io/name": f"codeopen-{component}"}


def component_labels(component: str) -> dict[str, str]:
    """The labels on all that a component of the platform has."""
    return {**selector(component), "app.kubernetes.io/component": component, "app.kubernetes.io/part-of": "codeopen"}


def nodes_of(platform: str) -> dict[str, str]:
    """The labels by which the kubelet says that a node runs images of a platform, as ``linux/amd64``."""
    system, architecture, *_ = platform.split("/")
    return {**nodes_with(system), "kubernetes.io/arch": architecture}


def nodes_with(system: str) -> dict[str, str]:
    """The label of nodes for an image that is there for several architectures, as ``linux``."""
    return {"kubernetes.io/os": system}


def pod_security(user: int, *, group: bool = False) -> dict[str, Any]:
    """A restricted pod's security context; ``group``: its volumes belong to the user's group."""
    context: dict[str, Any] = {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if group:
        context |= {"fsGroup": user, "fsGroupChangePolicy": "OnRootMismatch"}
    return context


def container_security() -> dict[str, Any]:
    """A restricted container's security context, with nothing to write to but its mounts."""
    return {**RESTRICTED_CONTAINER, "readOnlyRootFilesystem": True}


def resources(cpu: str, memory: str, scratch: str) -> dict[str, Any]:
    """Memory and disk are bounded by what is asked for; CPU isn't, so that nothing waits while a core is idle."""
    bounds = {"memory": memory, "ephemeral-storage": scratch}
    return {"requests": {"cpu": cpu, **bounds}, "limits": bounds}


def go_memory_limit(memory: str) -> dict[str, str]:
    """Nine tenths of the limit as a Go program's own: it collects garbage before the kernel ends it."""
    return {"name": "GOMEMLIMIT", "value": f"{Memory.parse(memory).bytes * 9 // 10 // _MEBIBYTE}MiB"}


def checksum(files: Mapping[str, str]) -> dict[str, str]:
    """An annotation that starts pods anew when their files change."""
    text = "".join(f"{name}\0{content}\0" for name, content in sorted(files.items()))
    return {f"{GROUP}/files": hashlib.sha256(text.encode()).hexdigest()[:16]}


def dns_rule(network: NetworkSettings) -> dict[str, Any]:
    """An egress rule: the cluster's DNS servers, and of them nothing but DNS. Raises SettingsError for no address."""
    peer = {
        "namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: network.dns_namespace}},
        "podSelector": {"matchLabels": dict(network.dns_labels)},
    }
    blocks = [{"ipBlock": {"cidr": _cidr(address)}} for address in network.dns_addresses]
    ports = [{"protocol": protocol, "port": port} for port in network.dns_ports for protocol in ("UDP", "TCP")]
    return {"to": [peer, *blocks], "ports": ports}


def _cidr(address: str) -> str:
    try:
        return str(ipaddress.ip_network(address))
    except ValueError as error:
        raise SettingsError(
            f"codeopen:cluster.network.dnsAddresses: {error}; write an address or a range, as 169.254.20.10 or "
            "10.0.0.0/24"
        ) from None


def namespace_peer(namespace: str) -> dict[str, Any]:
    """All pods of a namespace, as a network policy names them."""
    return {"namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: namespace}}}
