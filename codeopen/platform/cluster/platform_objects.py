"""All that a cluster has once for all projects: namespaces, priorities, the gate, registry, builder and warm-up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from codeopen.environment.cluster_settings import ClusterSettings, RegistryKind
from codeopen.errors import SettingsError
from codeopen.model.selection.closest import closest
from codeopen.model.selection.selection import DEFAULT_PLATFORM
from codeopen.platform.cluster.access.isolation import POD_SECURITY
from codeopen.platform.cluster.access.login_gate import gate_objects
from codeopen.platform.cluster.builder import builder_objects
from codeopen.platform.cluster.objects import Object, Reference, make_object
from codeopen.platform.cluster.pods import PLATFORM_PRIORITY, component_labels
from codeopen.platform.cluster.registry.workload import pull_secret, registry_objects
from codeopen.platform.cluster.warm_up.images import (
    DEFAULT_POOL,
    WARM_UP_PRIORITY,
    WarmImage,
    WarmPool,
    warm_up_objects,
)
from codeopen.platform.cluster.workload.pod import PRIORITY_CLASS, SYSBOX

RUNTIME_HANDLERS: Final[Mapping[str, str]] = MappingProxyType({"gvisor": "runsc", SYSBOX: "sysbox-runc"})
"""Runtime classes by name with what container runtimes call them. Sources: docs of gVisor and Sysbox."""

_SYSBOX_NODES: Final = {"sysbox-runtime": "running"}  # the label that Sysbox's installer puts on its nodes
_LABELS: Final = component_labels("platform")


@dataclass(frozen=True, slots=True)
class PlatformImages:
    """What the platform's own pods run: distribution, BuildKit's rootless image, and the base part.

    ``platform`` is what the base part and all that is warmed are built for, and what is built. The others are indexes
    of several.
    """

    registry: str | Reference
    buildkit: str | Reference
    base: str | Reference
    platform: str = DEFAULT_PLATFORM


def platform_objects(
    settings: ClusterSettings,
    images: PlatformImages,
    warm: Iterable[WarmImage] = (),
    pools: Iterable[WarmPool] = (DEFAULT_POOL,),
    gpu_pools: Iterable[Object] = (),
) -> tuple[Object, ...]:
    """Every object of the platform, in the order in which it is made. Raises SettingsError for what can't be had.

    ``gpu_pools`` are the objects of the GPU node pools; ``pools`` the nodes that are warmed, GPU nodes among them.
    """
    warming = warm_up_objects(settings, warm, images.base, pools, images.platform)
    in_cluster = settings.registry.kind is RegistryKind.IN_CLUSTER
    login = settings.registry.pull_secret
    return (
        *_namespaces(settings),
        *_priority_classes(),
        *_runtime_classes(settings),
        *((pull_secret(settings.namespace, login),) if login else ()),
        *gate_objects(settings),
        *gpu_pools,
        *(registry_objects(settings, images.registry) if in_cluster else ()),
        *builder_objects(settings, images.buildkit, images.platform),
        *warming,
    )


def _namespaces(settings: ClusterSettings) -> tuple[Object, ...]:
    """The platform's pods are ``restricted``. The builder's can't be: see codeopen.platform.cluster.builder."""
    # The registry's claim is in the namespace: deleting that would delete all images.
    in_cluster = settings.registry.kind is RegistryKind.IN_CLUSTER
    namespace = make_object("v1", "Namespace", settings.namespace, {}, labels={**_LABELS, **POD_SECURITY})
    found = [Object(namespace.manifest, retain=in_cluster)]
    if settings.builder.enabled:
        levels = {
            "pod-security.kubernetes.io/enforce": "privileged",
            "pod-security.kubernetes.io/audit": "baseline",
            "pod-security.kubernetes.io/audit-version": "latest",
        }
        found.append(make_object("v1", "Namespace", settings.builder.namespace, {}, labels={**_LABELS, **levels}))
    return tuple(found)


def _priority_classes() -> tuple[Object, ...]:
    """Who goes first where room is short. Nobody's pod is ended to make room, but those that only warm nodes.

    A workspace has the priority of pods without a class: what else runs in the cluster is neither ended by workspaces
    nor ends them.
    """
    classes = (
        (PLATFORM_PRIORITY, 1_000, "Never", "What all projects need: registry and builder"),
        (PRIORITY_CLASS, 0, "PreemptLowerPriority", "A project's workspace, in which a person works"),
        (WARM_UP_PRIORITY, -1_000, "Never", "Images that nobody waits for yet; the first to go"),
    )
    return tuple(
        make_object(
            "scheduling.k8s.io/v1",
            "PriorityClass",
            name,
            {"value": value, "preemptionPolicy": preemption, "globalDefault": False, "description": description},
            labels=_LABELS,
        )
        for name, value, preemption, description in classes
    )


def _runtime_classes(settings: ClusterSettings) -> tuple[Object, ...]:
    found = []
    for name in settings.runtime_classes:
        if name not in RUNTIME_HANDLERS:
            fix = closest(name, sorted(RUNTIME_HANDLERS))
            raise SettingsError(f"codeopen:cluster.runtimeClasses: {name!r} is not known; {fix}")
        body: dict[str, object] = {"handler": RUNTIME_HANDLERS[name]}
        if name == SYSBOX:
            body["scheduling"] = {"nodeSelector": dict(_SYSBOX_NODES)}
        found.append(make_object("node.k8s.io/v1", "RuntimeClass", name, body, labels=_LABELS))
    return tuple(found)
