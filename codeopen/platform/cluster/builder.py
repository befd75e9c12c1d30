"""BuildKit in the cluster, without root, for combinations that are asked for and aren't there.

Rootless BuildKit makes namespaces and mounts of its own: it needs newuidmap (a setuid program), and neither the seccomp
nor the AppArmor profile of the container runtime. The ``restricted`` and ``baseline`` Pod Security Standards both
forbid that, so it has a namespace of its own that enforces neither, and nothing else runs there. It is still no root on
its node: user 1000, no ``privileged``, no host path, port or namespace.

Sources: docs of BuildKit, "Rootless mode", "buildkitd.toml"; Kubernetes, "Pod Security Standards".
"""

from __future__ import annotations

from typing import Any, Final

from codeopen.environment.cluster_settings import ClusterSettings
from codeopen.errors import SettingsError
from codeopen.model.quantity import Memory
from codeopen.model.selection.selection import DEFAULT_PLATFORM
from codeopen.platform.cluster.objects import SKIP_AWAIT, Object, Reference, SecretValue, make_object
from codeopen.platform.cluster.pods import (
    PLATFORM_PRIORITY,
    checksum,
    component_labels,
    dns_rule,
    go_memory_limit,
    namespace_peer,
    nodes_of,
    resources,
    selector,
)

BUILDER: Final = "buildkitd"
PORT: Final = 1234
CLIENT_SECRET: Final = "buildkit-client"  # noqa: S105 - a Secret's name
_SERVER_SECRET: Final = "buildkit-server"  # noqa: S105 - a Secret's name
_USER: Final = 1000  # fixed by the image
_HOME: Final = "/home/user/.local/share/buildkit"
_SOCKET: Final = "unix:///run/user/1000/buildkit/buildkitd.sock"
_CONFIG: Final = "/etc/codeopen/buildkit"
_CERTIFICATES: Final = "/etc/codeopen/buildkit-tls"
_SCRATCH: Final = "2Gi"
_MEGABYTE: Final = 1_000_000
_LABELS: Final = component_labels(BUILDER)


def builder_objects(
    settings: ClusterSettings, image: str | Reference, platform: str = DEFAULT_PLATFORM
) -> tuple[Object, ...]:
    """Everything of the builder, without its namespace. ``image`` is BuildKit's rootless one. Raises SettingsError.

    It runs on nodes of ``platform``, which it builds for: nothing here emulates another.
    """
    builder = settings.builder
    if not builder.enabled:
        return ()
    if builder.namespace == settings.namespace:
        raise SettingsError(
            f"codeopen:cluster.builder.namespace: {builder.namespace!r} is the platform's, whose pods are restricted; "
            "write another"
        )
    if builder.replicas < 1:
        raise SettingsError(f"codeopen:cluster.builder.replicas: {builder.replicas}; write 1 or more")
    return (
        _make("v1", "ServiceAccount", {"automountServiceAccountToken": False}, settings),
        _make("v1", "ConfigMap", {"data": _files(settings)}, settings),
        *_certificates(settings),
        *_network_policies(settings),
        _service(settings),
        _stateful_set(settings, image, platform),
    )


def _files(settings: ClusterSettings) -> dict[str, str]:
    """Up to four fifths of the claim are used: builds of now need room beside the cache."""
    size = Memory.parse(settings.builder.storage).bytes // _MEGABYTE
    text = f"""\
[worker.oci]
  gc = true
  max-parallelism = 4

  # What is quickly had again goes first, then the rest in the order of its last use.
  [[worker.oci.gcpolicy]]
    filters = ["type==source.local", "type==exec.cachemount", "type==source.git.checkout"]
    keepDuration = "48h"
    maxUsedSpace = "{size // 10}MB"

  [[worker.oci.gcpolicy]]
    all = true
    reservedSpace = "{size // 5}MB"
    maxUsedSpace = "{size * 4 // 5}MB"
    minFreeSpace = "{size // 10}MB"

[history]
  maxAge = 172800
  maxEntries = 50
"""
    return {"buildkitd.toml": text}


def _certificates(settings: ClusterSettings) -> tuple[Object, ...]:
    """The server's and, where the platform runs, the client's. Only who has one that the same CA signed may build."""
    if settings.builder.issuer:
        return (
            _certificate(settings, _SERVER_SECRET, settings.builder.namespace, "server auth"),
            _certificate(settings, CLIENT_SECRET, settings.namespace, "client auth"),
        )
    return (
        _certificate_secret(_SERVER_SECRET, settings.builder.namespace, "server"),
        _certificate_secret(CLIENT_SECRET, settings.namespace, "client"),
    )


def _certificate_secret(name: str, namespace: str, side: str) -> Object:
    values = {
        "ca.crt": SecretValue("buildkit-ca-certificate"),
        "tls.crt": SecretValue(f"buildkit-{side}-certificate"),
        "tls.key": SecretValue(f"buildkit-{side}-key"),
    }
    body = {"type": "kubernetes.io/tls", "stringData": values}
    return make_object("v1", "Secret", name, body, namespace=namespace, labels=_LABELS)


def _certificate(settings: ClusterSettings, name: str, namespace: str, usage: str) -> Object:
    service = f"{BUILDER}.{settings.builder.namespace}"
    spec: dict[str, Any] = {
        "secretName": name,
        "commonName": name,
        "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": settings.builder.issuer},
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        "usages": [usage, "digital signature"],
        "dnsNames": [service, f"{service}.svc"] if name == _SERVER_SECRET else [name],
    }
    return make_object("cert-manager.io/v1", "Certificate", name, {"spec": spec}, namespace=namespace, labels=_LABELS)


def _network_policies(settings: ClusterSettings) -> tuple[Object, ...]:
    """In: the platform. Out: DNS, public addresses, and the registry where it is in the cluster."""
    network = settings.network
    public = [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": list(network.blocked)}},
        {"ipBlock": {"cidr": "::/0", "except": list(network.blocked_v6)}},
    ]
    # The registry's host leads to its pods or, by the Ingress, to the controller's.
    inside: list[dict[str, Any]] = [
        {**namespace_peer(settings.namespace), "podSelector": {"matchLabels": selector("registry")}}
    ]
    if settings.ingress:
        inside.append(namespace_peer(settings.ingress.namespace))
    inside += [{"ipBlock": {"cidr": block}} for block in settings.builder.allowed_ranges]
    spec = {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [namespace_peer(settings.namespace)], "ports": [{"protocol": "TCP", "port": PORT}]}],
        "egress": [dns_rule(network), {"to": public}, {"to": inside}],
    }
    return (_make("networking.k8s.io/v1", "NetworkPolicy", {"spec": spec}, settings),)


def _service(settings: ClusterSettings) -> Object:
    """A client stays with one builder: what it sends first is what it builds from later."""
    spec = {
        "type": "ClusterIP",
        "selector": selector(BUILDER),
        "sessionAffinity": "ClientIP",
        "ports": [{"name": "buildkit", "port": PORT, "targetPort": "buildkit", "protocol": "TCP"}],
    }
    return _make("v1", "Service", {"spec": spec}, settings)


def _stateful_set(settings: ClusterSettings, image: str | Reference, platform: str) -> Object:
    """Each replica has a cache of its own, on a claim that goes with it: what is in it can be built again."""
    builder = settings.builder
    claim: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": builder.storage}},
    }
    if storage_class := builder.storage_class or settings.storage_class:
        claim["storageClassName"] = storage_class
    spec = {
        "replicas": builder.replicas,
        "serviceName": BUILDER,
        "podManagementPolicy": "Parallel",
        "revisionHistoryLimit": 2,
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"},
        "selector": {"matchLabels": selector(BUILDER)},
        "template": {
            "metadata": {"labels": dict(_LABELS), "annotations": checksum(_files(settings))},
            "spec": {**_pod(settings, image), "nodeSelector": nodes_of(platform)},
        },
        "volumeClaimTemplates": [{"metadata": {"name": "cache"}, "spec": claim}],
    }
    return make_object(
        "apps/v1",
        "StatefulSet",
        BUILDER,
        {"spec": spec},
        namespace=builder.namespace,
        labels=_LABELS,
        annotations=SKIP_AWAIT,
        after=(f"configmap/{BUILDER}", f"serviceaccount/{BUILDER}", f"networkpolicy/{BUILDER}"),
    )


def _pod(settings: ClusterSettings, image: str | Reference) -> dict[str, Any]:
    return {
        "serviceAccountName": BUILDER,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": PLATFORM_PRIORITY,
        # A build that runs may end; the next start of the same one finds its finished steps in the cache.
        "terminationGracePeriodSeconds": 60,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "Unconfined"},
            "appArmorProfile": {"type": "Unconfined"},
        },
        "containers": [_container(settings, image)],
        "volumes": [
            {"name": "config", "configMap": {"name": BUILDER}},
            {"name": "tls", "secret": {"secretName": _SERVER_SECRET}},
            {"name": "run", "emptyDir": {"sizeLimit": "64Mi"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": _SCRATCH}},
        ],
    }


def _container(settings: ClusterSettings, image: str | Reference) -> dict[str, Any]:
    builder = settings.builder
    workers = {"exec": {"command": ["buildctl", "--addr", _SOCKET, "debug", "workers"]}, "timeoutSeconds": 15}
    return {
        "name": BUILDER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": [
            f"--config={_CONFIG}/buildkitd.toml",
            # A pod may not mount a /proc of its own for a build step, so steps share the pod's.
            "--oci-worker-no-process-sandbox",
            f"--addr={_SOCKET}",
            f"--addr=tcp://0.0.0.0:{PORT}",
            f"--tlscacert={_CERTIFICATES}/ca.crt",
            f"--tlscert={_CERTIFICATES}/tls.crt",
            f"--tlskey={_CERTIFICATES}/tls.key",
        ],
        "env": [go_memory_limit(builder.memory), {"name": "TMPDIR", "value": "/tmp"}],  # noqa: S108 - a mount
        "ports": [{"name": "buildkit", "containerPort": PORT}],
        "resources": resources(builder.cpu, builder.memory, _SCRATCH),
        "securityContext": {"readOnlyRootFilesystem": True, "privileged": False},
        "startupProbe": {**workers, "periodSeconds": 5, "failureThreshold": 24},
        "readinessProbe": {**workers, "periodSeconds": 30, "failureThreshold": 2},
        "livenessProbe": {**workers, "periodSeconds": 60, "failureThreshold": 3},
        "volumeMounts": [
            {"name": "cache", "mountPath": _HOME},
            {"name": "config", "mountPath": _CONFIG, "readOnly": True},
            {"name": "tls", "mountPath": _CERTIFICATES, "readOnly": True},
            {"name": "run", "mountPath": "/run/user/1000"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a mount of the container's own
        ],
    }


def _make(api_version: str, kind: str, body: dict[str, Any], settings: ClusterSettings) -> Object:
    return make_object(api_version, kind, BUILDER, body, namespace=settings.builder.namespace, labels=_LABELS)
