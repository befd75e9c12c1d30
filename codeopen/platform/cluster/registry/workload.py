"""An in-cluster registry (distribution 3) with TLS, users and its own collector; why: docs/adr/0016."""

from __future__ import annotations

from typing import Any, Final

from codeopen.environment.cluster_settings import ClusterSettings, ObjectStoreSettings, RegistrySettings, StoreKind
from codeopen.errors import SettingsError
from codeopen.platform.cluster.objects import SKIP_AWAIT, Object, Reference, SecretValue, make_object
from codeopen.platform.cluster.pods import (
    PLATFORM_PRIORITY,
    checksum,
    component_labels,
    container_security,
    dns_rule,
    go_memory_limit,
    namespace_peer,
    nodes_with,
    pod_security,
    resources,
    selector,
)
from codeopen.platform.cluster.registry.config import (
    CERTIFICATES,
    CONFIG,
    DATA,
    PORT,
    USERS,
    maintenance_second,
    registry_files,
)
from codeopen.platform.cluster.registry.routes import registry_routes

REGISTRY: Final = "registry"
_USER: Final = 65532
_SCRATCH: Final = "256Mi"
_LABELS: Final = component_labels(REGISTRY)
_IDENTITY: Final = {
    StoreKind.S3: "eks.amazonaws.com/role-arn",
    StoreKind.GCS: "iam.gke.io/gcp-service-account",
    StoreKind.AZURE: "azure.workload.identity/client-id",
}


def registry_objects(settings: ClusterSettings, image: str | Reference) -> tuple[Object, ...]:
    """Everything of the registry. ``image`` is distribution's. Raises SettingsError for what can't be had."""
    registry = settings.registry
    _check(registry)
    return (
        _service_account(settings),
        _make("v1", "ConfigMap", "registry-config", {"data": dict(registry_files(registry))}, settings),
        _users(settings),
        *_certificate(settings),
        *(() if registry.store else (_claim(settings),)),
        _make("policy/v1", "PodDisruptionBudget", REGISTRY, {"spec": _budget()}, settings),
        _network_policy(settings),
        _deployment(settings, image),
        *registry_routes(settings),
    )


def pull_secret(namespace: str, name: str) -> Object:
    """The login of the registry for the pods or builders of a namespace, as Docker's configuration."""
    body = {
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": SecretValue("registry-login")},
    }
    return make_object("v1", "Secret", name, body, namespace=namespace)


def tls_secret_name(registry: RegistrySettings) -> str:
    """The Secret with the registry's certificate."""
    return registry.tls_secret or "registry-tls"


def _check(registry: RegistrySettings) -> None:
    if not registry.host:
        raise SettingsError(
            "codeopen:cluster.registry.host is missing; write the name that nodes reach the registry by, since they "
            "resolve no Service's name"
        )
    if registry.replicas < 1:
        raise SettingsError(f"codeopen:cluster.registry.replicas: {registry.replicas}; write 1 or more")
    if registry.replicas > 1 and registry.store is None:
        raise SettingsError(
            f"codeopen:cluster.registry.replicas: {registry.replicas} can't share one claim; write 1, or a store"
        )


def _service_account(settings: ClusterSettings) -> Object:
    store = settings.registry.store
    annotations = {_IDENTITY[store.kind]: store.identity} if store and store.identity else None
    return make_object(
        "v1",
        "ServiceAccount",
        REGISTRY,
        {"automountServiceAccountToken": False},
        namespace=settings.namespace,
        labels=_LABELS,
        annotations=annotations,
    )


def _users(settings: ClusterSettings) -> Object:
    values = {"htpasswd": SecretValue("registry-htpasswd"), "http-secret": SecretValue("registry-http-secret")}
    return _make("v1", "Secret", "registry-users", {"type": "Opaque", "stringData": values}, settings)


def _certificate(settings: ClusterSettings) -> tuple[Object, ...]:
    registry = settings.registry
    if registry.tls_secret:
        return ()
    if not registry.issuer:
        values = {"tls.crt": SecretValue("registry-tls-certificate"), "tls.key": SecretValue("registry-tls-key")}
        body = {"type": "kubernetes.io/tls", "stringData": values}
        return (_make("v1", "Secret", tls_secret_name(registry), body, settings),)
    spec = {
        "secretName": tls_secret_name(registry),
        "dnsNames": [registry.host.partition(":")[0]],
        "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": registry.issuer},
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        "usages": ["server auth", "digital signature"],
    }
    return (_make("cert-manager.io/v1", "Certificate", REGISTRY, {"spec": spec}, settings),)


def _claim(settings: ClusterSettings) -> Object:
    """All images. It outlives the stack."""
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": settings.registry.storage}},
    }
    if storage_class := settings.registry.storage_class or settings.storage_class:
        spec["storageClassName"] = storage_class
    return make_object(
        "v1",
        "PersistentVolumeClaim",
        REGISTRY,
        {"spec": spec},
        namespace=settings.namespace,
        labels=_LABELS,
        annotations=SKIP_AWAIT,
        retain=True,
    )


def _budget() -> dict[str, Any]:
    """One pod at a time: of several the others go on, and a single one does not hold up a node's drain."""
    return {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": selector(REGISTRY)},
    }


def _network_policy(settings: ClusterSettings) -> Object:
    """In: the platform, builders, the ingress controller (or everyone where there is a load balancer)."""
    rule: dict[str, Any] = {"ports": [{"protocol": "TCP", "port": PORT}]}
    if not settings.registry.load_balancer:
        namespaces = [settings.namespace, settings.builder.namespace]
        if settings.registry.ingress_class:
            namespaces.append(_ingress_namespace(settings))
        rule["from"] = [namespace_peer(name) for name in namespaces]
    # A store and the identity for it have addresses of many kinds, private and link-local ones too.
    egress = {"egress": [dns_rule(settings.network), {}]} if settings.registry.store else {}
    spec = {
        "podSelector": {"matchLabels": selector(REGISTRY)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [rule],
        **egress,
    }
    return _make("networking.k8s.io/v1", "NetworkPolicy", REGISTRY, {"spec": spec}, settings)


def _ingress_namespace(settings: ClusterSettings) -> str:
    """Where its Ingress's controller is. Raises SettingsError: a wrong guess would have every pull refused."""
    registry, ingress = settings.registry, settings.ingress
    if registry.ingress_namespace:
        return registry.ingress_namespace
    if ingress and ingress.class_name == registry.ingress_class:
        return ingress.namespace
    raise SettingsError(
        f"codeopen:cluster.registry.ingressNamespace is missing; write the namespace of the controller of "
        f"{registry.ingress_class!r}, which nodes' pulls come through"
    )


def _deployment(settings: ClusterSettings, image: str | Reference) -> Object:
    registry = settings.registry
    azure = registry.store is not None and registry.store.kind is StoreKind.AZURE
    identity = {"azure.workload.identity/use": "true"} if azure else {}
    template = {
        "metadata": {"labels": {**_LABELS, **identity}, "annotations": checksum(registry_files(registry))},
        "spec": _pod(registry, image),
    }
    spec = {
        "replicas": registry.replicas,
        "revisionHistoryLimit": 2,
        # A single pod collects garbage: no other one may write to the same images meanwhile.
        "strategy": {"type": "Recreate" if registry.replicas == 1 else "RollingUpdate"},
        "selector": {"matchLabels": selector(REGISTRY)},
        "template": template,
    }
    before = ("secret/registry-users", "configmap/registry-config", f"serviceaccount/{REGISTRY}")
    return make_object(
        "apps/v1",
        "Deployment",
        REGISTRY,
        {"spec": spec},
        namespace=settings.namespace,
        labels=_LABELS,
        after=(*before, *(() if registry.store else (f"persistentvolumeclaim/{REGISTRY}",))),
    )


def _pod(registry: RegistrySettings, image: str | Reference) -> dict[str, Any]:
    users = [{"key": "htpasswd", "path": "htpasswd"}]
    return {
        "serviceAccountName": REGISTRY,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": PLATFORM_PRIORITY,
        "nodeSelector": nodes_with("linux"),
        "terminationGracePeriodSeconds": 30,
        "securityContext": pod_security(_USER, group=True),
        "containers": [_container(registry, image)],
        "volumes": [
            {"name": "config", "configMap": {"name": "registry-config"}},
            {"name": "users", "secret": {"secretName": "registry-users", "items": users}},
            {"name": "tls", "secret": {"secretName": tls_secret_name(registry)}},
            {"name": "tmp", "emptyDir": {"sizeLimit": _SCRATCH}},
            *_data_volume(registry.store),
        ],
    }


def _data_volume(store: ObjectStoreSettings | None) -> list[dict[str, Any]]:
    return [] if store else [{"name": "data", "persistentVolumeClaim": {"claimName": REGISTRY}}]


def _container(registry: RegistrySettings, image: str | Reference) -> dict[str, Any]:
    mounts: list[dict[str, Any]] = [
        {"name": "config", "mountPath": CONFIG, "readOnly": True},
        {"name": "users", "mountPath": USERS, "readOnly": True},
        {"name": "tls", "mountPath": CERTIFICATES, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a mount of the container's own
    ]
    http_secret = {"secretKeyRef": {"name": "registry-users", "key": "http-secret"}}
    # The page `/` needs no login, and says 503 when the storage fails.
    alive = {"httpGet": {"path": "/", "port": "https", "scheme": "HTTPS"}, "timeoutSeconds": 5}
    return {
        "name": REGISTRY,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", f"{CONFIG}/serve.sh"],
        "env": [
            {"name": "COLLECT", "value": "yes" if registry.replicas == 1 else "no"},
            go_memory_limit(registry.memory),
            {"name": "MAINTAIN_SECOND", "value": str(maintenance_second(registry))},
            {"name": "OTEL_TRACES_EXPORTER", "value": "none"},
            {"name": "REGISTRY_HTTP_SECRET", "valueFrom": http_secret},
        ],
        "ports": [{"name": "https", "containerPort": PORT}],
        "resources": resources(registry.cpu, registry.memory, _SCRATCH),
        "securityContext": container_security(),
        "startupProbe": {**alive, "periodSeconds": 2, "failureThreshold": 60},
        "readinessProbe": {**alive, "periodSeconds": 10, "failureThreshold": 3},
        # A restart heals no storage, so life is only that somebody listens.
        "livenessProbe": {"tcpSocket": {"port": "https"}, "periodSeconds": 10, "failureThreshold": 6},
        "volumeMounts": [*mounts, *([] if registry.store else [{"name": "data", "mountPath": DATA}])],
    }


def _make(api_version: str, kind: str, name: str, body: dict[str, Any], settings: ClusterSettings) -> Object:
    return make_object(api_version, kind, name, body, namespace=settings.namespace, labels=_LABELS)
