"""Small objects that tests of a cluster need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IMAGE = "registry.invalid/test@sha256:" + "0" * 64
RESTRICTED = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def namespace(name: str, enforce: str = "restricted") -> dict[str, Any]:
    labels = {"pod-security.kubernetes.io/enforce": enforce}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def pod(where: str, name: str, requests: Mapping[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A pod that ``restricted`` allows; requests are its limits too."""
    resources = {"requests": dict(requests or {}), "limits": dict(requests or {})}
    container = {"name": "main", "image": IMAGE, "securityContext": RESTRICTED, "resources": resources}
    whole = {"containers": [container], "automountServiceAccountToken": False, **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": where}, "spec": whole}


def claim(where: str, name: str, size: str = "1Gi") -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    metadata = {"name": name, "namespace": where}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
