"""A project's pod, the claim it works on, its Service and its routes."""

from __future__ import annotations

from typing import Any, Final

from codeopen.environment.cluster_settings import ClusterSettings
from codeopen.model.plan.logins import password_variable
from codeopen.model.plan.projects import State
from codeopen.platform.cluster.access.login_gate import gate_annotations
from codeopen.platform.cluster.objects import GROUP, RESTRICTED_CONTAINER, SKIP_AWAIT, Object, SecretValue, make_object
from codeopen.platform.cluster.pods import nodes_of
from codeopen.platform.cluster.workload.deployment import CREDENTIALS, HOME_CLAIM, WORKSPACE, ProjectDeployment
from codeopen.platform.cluster.workload.resources import claim_size, container_resources

USERNAME: Final = "codeopen"
HOME: Final = "/home/developer"
SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - a mount of the container's own
PRIORITY_CLASS: Final = "codeopen-workspace"
GPU_VARIABLE: Final = "NVIDIA_VISIBLE_DEVICES"
GATEWAY: Final = "acp-gateway"
SYSBOX: Final = "sysbox-runc"
"""The runtime class of Sysbox. Source: its docs, "Sysbox Deployment on Kubernetes"."""

_DEVELOPER: Final = 1000  # the user of every image (dockerfiles/base)
# A turn that runs may take 30 s (the gateway's ACP_GATEWAY_DRAIN_SECONDS); an image stops within 5 s otherwise.
_STOP_SECONDS: Final = 40
_START_SECONDS: Final = 180
_PERIOD_SECONDS: Final = 10
_SELECTOR: Final = {"app.kubernetes.io/name": WORKSPACE}


def claim(project: ProjectDeployment, settings: ClusterSettings) -> Object:
    """The user's home: the workspace and, beside it, OpenCode's sessions. It outlives the workload and the stack."""
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": claim_size(project)}},
    }
    if settings.storage_class:
        spec["storageClassName"] = settings.storage_class
    # A claim that waits for its first pod is not bound before there is one, which may be never.
    return make_object(
        "v1",
        "PersistentVolumeClaim",
        HOME_CLAIM,
        {"spec": spec},
        namespace=project.namespace,
        labels=project.labels,
        annotations=SKIP_AWAIT,
        retain=True,
        # A larger tier raises both, and the claim can't grow before the quota lets it.
        after=(f"resourcequota/{WORKSPACE}",),
    )


def credentials(project: ProjectDeployment) -> Object:
    """The login of each exposed port, under the names that the images' services read."""
    values: dict[str, str | SecretValue] = {}
    for port in project.resolution.ports:
        values[f"{port.credential}_USERNAME"] = USERNAME
        values[password_variable(port.credential)] = SecretValue(f"password:{port.name}")
    return make_object(
        "v1",
        "Secret",
        CREDENTIALS,
        {"type": "Opaque", "stringData": values},
        namespace=project.namespace,
        labels=project.labels,
    )


def stateful_set(project: ProjectDeployment, settings: ClusterSettings) -> Object:
    """The workload.

    A StatefulSet, since it never runs two pods on one workspace, and because ``OnDelete`` is the promise that a new
    image reaches a running workspace only when its pod ends: at its next wake, or by ``codeopen project upgrade``.
    """
    replicas = 0 if project.state is State.HIBERNATED else 1
    annotations = dict(SKIP_AWAIT)
    if settings.upgrade_after_hours:
        annotations[f"{GROUP}/upgrade-after-hours"] = str(settings.upgrade_after_hours)
    pod_annotations = {"karpenter.sh/do-not-disrupt": "true", "cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
    gpu_labels = project.gpu.labels if project.gpu else {}
    template = {
        "metadata": {"labels": {**project.labels, **_SELECTOR, **gpu_labels}, "annotations": pod_annotations},
        "spec": _pod(project, settings),
    }
    spec = {
        "replicas": replicas,
        "serviceName": WORKSPACE,
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "OnDelete"},
        "revisionHistoryLimit": 2,
        "selector": {"matchLabels": dict(_SELECTOR)},
        "template": template,
    }
    return make_object(
        "apps/v1",
        "StatefulSet",
        WORKSPACE,
        {"spec": spec},
        namespace=project.namespace,
        labels=project.labels,
        annotations=annotations,
        after=(
            f"persistentvolumeclaim/{HOME_CLAIM}",
            f"secret/{CREDENTIALS}",
            f"serviceaccount/{WORKSPACE}",
            "resourcequota/workspace",
            *(seat.key for seat in project.seats),
        ),
    )


def _pod(project: ProjectDeployment, settings: ClusterSettings) -> dict[str, Any]:
    volumes: list[dict[str, Any]] = [{"name": "home", "persistentVolumeClaim": {"claimName": HOME_CLAIM}}]
    mounts = [{"name": "home", "mountPath": HOME}]
    shared = project.resolution.resources.shared_memory
    if shared.bytes:
        volumes.append({"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": str(shared)}})
        mounts.append({"name": "shared-memory", "mountPath": SHARED_MEMORY})
    pod: dict[str, Any] = {
        "serviceAccountName": WORKSPACE,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": PRIORITY_CLASS,
        # The image is of one architecture: on a node of another it would start, and fail, again and again.
        "nodeSelector": nodes_of(project.platform),
        "terminationGracePeriodSeconds": _STOP_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _DEVELOPER,
            "runAsGroup": _DEVELOPER,
            "fsGroup": _DEVELOPER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [{**_container(project, settings), "volumeMounts": mounts}],
        "volumes": volumes,
    }
    if settings.registry.pull_secret:
        pod["imagePullSecrets"] = [{"name": settings.registry.pull_secret}]
    # NVIDIA's hook, which brings the driver in, runs with few runtimes only.
    if runtime := settings.gpu_runtime_class if project.gpu else settings.runtime_class:
        pod["runtimeClassName"] = runtime
    if runtime == SYSBOX:
        pod["hostUsers"] = False  # it refuses a pod without a user namespace of its own
    if project.gpu:
        pod["tolerations"] = [dict(toleration) for toleration in project.gpu.tolerations]
        pod["affinity"] = dict(project.gpu.affinity)
    return pod


def _container(project: ProjectDeployment, settings: ClusterSettings) -> dict[str, Any]:
    env = dict(project.resolution.env)
    # The images of the GPU add-on ask for every GPU of the machine; the device plugin gives a pod those that it claims.
    env.pop(GPU_VARIABLE, None)
    if project.gpu is None:
        env[GPU_VARIABLE] = "void"
    return {
        "name": WORKSPACE,
        "image": project.image,
        "imagePullPolicy": "IfNotPresent",
        # The image's own is the workspace: in a new volume the runtime would make that folder, as root. The entrypoint
        # makes it as the user, and goes there.
        "workingDir": HOME,
        "env": [{"name": name, "value": value} for name, value in sorted(env.items())],
        "envFrom": [
            {"secretRef": {"name": CREDENTIALS}},
            # What the project's owner gives it, as the keys of model providers; there need not be one.
            {"secretRef": {"name": "environment", "optional": True}},
        ],
        "ports": [{"name": port.name, "containerPort": port.port} for port in project.resolution.ports],
        "resources": container_resources(project, settings.scratch),
        "securityContext": dict(RESTRICTED_CONTAINER),
        **_probes(project),
    }


def _probes(project: ProjectDeployment) -> dict[str, Any]:
    """Start and readiness by the image's own check, which logs in to each service; life by the gateway's open page.

    An HTTP probe would have to carry a password in the pod's manifest.
    """
    (gateway,) = (port for port in project.resolution.ports if port.name == GATEWAY)
    check = {"exec": {"command": ["/usr/local/bin/codeopen-health"]}, "timeoutSeconds": _PERIOD_SECONDS}
    return {
        "startupProbe": {**check, "periodSeconds": 2, "failureThreshold": _START_SECONDS // 2},
        "readinessProbe": {**check, "periodSeconds": _PERIOD_SECONDS, "failureThreshold": 3},
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": gateway.port},
            "timeoutSeconds": 5,
            "periodSeconds": _PERIOD_SECONDS,
            "failureThreshold": 6,
        },
    }


def service(project: ProjectDeployment) -> Object:
    """One address for all ports of the workspace, inside the cluster only. It has no endpoint while it hibernates."""
    ports = [
        {"name": port.name, "port": port.port, "targetPort": port.name, "protocol": "TCP"}
        for port in project.resolution.ports
    ]
    return make_object(
        "v1",
        "Service",
        WORKSPACE,
        {"spec": {"type": "ClusterIP", "selector": dict(_SELECTOR), "ports": ports}},
        namespace=project.namespace,
        labels=project.labels,
        annotations=SKIP_AWAIT,
    )


def disruption_budget(project: ProjectDeployment) -> Object:
    """No drain takes a workspace from under its user; one that isn't healthy may always be moved."""
    spec = {
        "maxUnavailable": 0,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": dict(_SELECTOR)},
    }
    return make_object(
        "policy/v1",
        "PodDisruptionBudget",
        WORKSPACE,
        {"spec": spec},
        namespace=project.namespace,
        labels=project.labels,
    )


def hosts(project: ProjectDeployment, settings: ClusterSettings) -> dict[str, str]:
    """The host name of each exposed port, as ``opencode--demo.dev.example.com``; none without an ingress."""
    if settings.ingress is None:
        return {}
    return {port.name: f"{port.name}--{project.id}.{settings.ingress.domain}" for port in project.resolution.ports}


def ingress(project: ProjectDeployment, settings: ClusterSettings) -> tuple[Object, ...]:
    """A route for each exposed port, all behind the gate; none where the cluster has no ingress.

    Raises SettingsError where nothing would ask about requests.
    """
    if settings.ingress is None:
        return ()
    names = hosts(project, settings)
    rules = [
        {
            "host": host,
            "http": {
                "paths": [
                    {
                        "path": "/",
                        "pathType": "Prefix",
                        "backend": {"service": {"name": WORKSPACE, "port": {"name": name}}},
                    }
                ]
            },
        }
        for name, host in names.items()
    ]
    spec: dict[str, Any] = {"ingressClassName": settings.ingress.class_name, "rules": rules}
    if settings.ingress.tls_secret:
        spec["tls"] = [
            {"hosts": sorted(names.values())}
        ]  # without a Secret: see codeopen.platform.cluster.access.login_gate
    return (
        make_object(
            "networking.k8s.io/v1",
            "Ingress",
            WORKSPACE,
            {"spec": spec},
            namespace=project.namespace,
            labels=project.labels,
            annotations={**SKIP_AWAIT, **gate_annotations(settings, settings.ingress)},
        ),
    )
