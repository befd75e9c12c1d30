"""NVIDIA's device plugin, once for each GPU pool that has none of its platform's.

It needs the folder of the kubelet's sockets, which lies on the node: only a namespace with ``privileged`` pod security
allows that. It has no capabilities, no network and no token (for MIG it has SYS_ADMIN, to read which slices there are).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Final

from codeopen.environment.gpu_settings import SharingKind
from codeopen.platform.cluster.gpu.pools import GPU, POOL_LABEL, CheckedPool
from codeopen.platform.cluster.objects import GROUP, SKIP_AWAIT, Object, make_object

NAMESPACE: Final = "codeopen-gpu"
NAME: Final = "nvidia-device-plugin"
IMAGE: Final = (
    "nvcr.io/nvidia/k8s-device-plugin:v0.18.2@sha256:b5788e29e7ae5272de8de863ebe386d6611e608421a6ecc5b4e7d5952aba637f"
)
_SOCKETS: Final = "/var/lib/kubelet/device-plugins"
_DIGITS: Final = 16
_CONFIG: Final = "/etc/device-plugin"


def device_plugin_objects(pools: Iterable[CheckedPool], image: str = IMAGE) -> tuple[Object, ...]:
    """The plugin for all pools of a cluster, in a namespace of its own; nothing where each platform has its own."""
    without = [pool for pool in pools if not pool.maker.has_device_plugin]
    if not without:
        return ()
    privileged = {"pod-security.kubernetes.io/enforce": "privileged"}
    closed = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    account = {"automountServiceAccountToken": False}
    return (
        make_object("v1", "Namespace", NAMESPACE, {}, labels=privileged),
        make_object("networking.k8s.io/v1", "NetworkPolicy", "default-deny", {"spec": closed}, namespace=NAMESPACE),
        make_object("v1", "ServiceAccount", NAME, account, namespace=NAMESPACE),
        *(each for pool in without for each in _of_pool(pool, image)),
    )


def _of_pool(checked: CheckedPool, image: str) -> tuple[Object, ...]:
    name, labels = f"{NAME}-{checked.name}", {POOL_LABEL: checked.name}
    text = json.dumps(_configuration(checked), indent=2, sort_keys=True) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
    selector = {"app.kubernetes.io/name": NAME, **labels}
    spec = {
        "selector": {"matchLabels": selector},
        "updateStrategy": {"type": "RollingUpdate"},
        "template": {
            # The plugin reads its configuration when it starts: another one makes another pod.
            "metadata": {"labels": selector, "annotations": {f"{GROUP}/configuration": digest}},
            "spec": _pod(checked, name, image),
        },
    }
    return (
        make_object("v1", "ConfigMap", name, {"data": {"config.yaml": text}}, namespace=NAMESPACE, labels=labels),
        make_object(
            "apps/v1",
            "DaemonSet",
            name,
            {"spec": spec},
            namespace=NAMESPACE,
            labels=labels,
            annotations=SKIP_AWAIT,  # a pool has no node until a project asks for a GPU
            after=(f"configmap/{name}", f"serviceaccount/{NAME}"),
        ),
    )


def _configuration(checked: CheckedPool) -> dict[str, Any]:
    """What the plugin reads: JSON, which is YAML too."""
    sharing = checked.pool.sharing
    read: dict[str, Any] = {
        "version": "v1",
        "flags": {
            "migStrategy": "mixed" if sharing.kind is SharingKind.MIG else "none",
            "failOnInitError": True,
            "plugin": {"passDeviceSpecs": False, "deviceListStrategy": ["envvar"], "deviceIDStrategy": "uuid"},
        },
    }
    if sharing.kind is SharingKind.TIME_SLICING:
        read["sharing"] = {
            "timeSlicing": {
                "renameByDefault": True,
                "failRequestsGreaterThanOne": True,
                "resources": [{"name": GPU, "replicas": sharing.replicas}],
            }
        }
    return read


def _pod(checked: CheckedPool, config: str, image: str) -> dict[str, Any]:
    mig = checked.pool.sharing.kind is SharingKind.MIG
    capabilities = {"drop": ["ALL"], **({"add": ["SYS_ADMIN"]} if mig else {})}
    env = [{"name": "CONFIG_FILE", "value": f"{_CONFIG}/config.yaml"}]
    if mig:
        env.append({"name": "NVIDIA_MIG_MONITOR_DEVICES", "value": "all"})
    container = {
        "name": NAME,
        "image": image,
        "env": env,
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        # Adding SYS_ADMIN and forbidding escalation contradict each other: the API server refuses both together.
        "securityContext": {
            **({} if mig else {"allowPrivilegeEscalation": False}),
            "capabilities": capabilities,
            "readOnlyRootFilesystem": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [
            {"name": "sockets", "mountPath": _SOCKETS},
            {"name": "config", "mountPath": _CONFIG, "readOnly": True},
        ],
    }
    return {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        "priorityClassName": "system-node-critical",
        "nodeSelector": {POOL_LABEL: checked.name},
        "tolerations": [{"operator": "Equal", **taint} for taint in checked.taints],
        "containers": [container],
        "volumes": [
            {"name": "sockets", "hostPath": {"path": _SOCKETS, "type": "Directory"}},
            {"name": "config", "configMap": {"name": config}},
        ],
    }
