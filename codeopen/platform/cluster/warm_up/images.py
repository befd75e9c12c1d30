"""Pulls the popular images onto nodes before anybody waits for them; why so: docs/adr.

A warm-up pod has an init container an image, so that its node pulls one image at a time, those that share layers one
after the other. Its containers hold the images: the kubelet's own clean-up leaves them alone until the pod goes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources as files
from types import MappingProxyType
from typing import Any, Final

from codeopen.environment.cluster_settings import ClusterSettings
from codeopen.model.catalog.model import Catalog
from codeopen.model.plan.parts import PartKind
from codeopen.model.plan.plan import PlannedCombination
from codeopen.model.selection.selection import DEFAULT_PLATFORM
from codeopen.platform.cluster.gpu.pools import POOL_LABEL
from codeopen.platform.cluster.objects import SKIP_AWAIT, Object, Reference, make_object
from codeopen.platform.cluster.pods import (
    checksum,
    component_labels,
    container_security,
    nodes_of,
    pod_security,
    selector,
)
from codeopen.platform.cluster.warm_up.controller import LABEL, ON
from codeopen.platform.cluster.warm_up.rights import controller_rights
from codeopen.platform.cluster.workload.deployment import short_name

WARM_UP: Final = "warm-up"
CONTROLLER: Final = "warm-up-controller"
WARM_UP_PRIORITY: Final = "codeopen-warm-up"
SCRIPT: Final = "controller.py"
EVERY_SECONDS: Final = 20
_FOLDER: Final = "/etc/codeopen/warm-up"
_DEVELOPER: Final = 1000  # the user of every image (dockerfiles/base)
_NO_GPU: Final = {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"}
_LEAST: Final = {"cpu": "1m", "memory": "16Mi"}


@dataclass(frozen=True, slots=True)
class WarmImage:
    """An image to have on nodes; ``parts`` are its layers' origins in their order, ``gpu`` is only for GPU nodes."""

    reference: str | Reference
    parts: tuple[str, ...]
    gpu: bool = False


@dataclass(frozen=True, slots=True)
class WarmPool:
    """Nodes that are warmed alike: those with all labels of ``node_selector``, whose taints are tolerated."""

    name: str
    node_selector: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    tolerations: tuple[Mapping[str, Any], ...] = ()
    gpu: bool = False


DEFAULT_POOL: Final = WarmPool("default")


def warm_images(catalog: Catalog, combinations: Iterable[PlannedCombination]) -> tuple[WarmImage, ...]:
    """The images of combinations that can be built, in the same order."""
    return tuple(
        WarmImage(
            Reference(short_name(planned.image), str(planned.image)),
            tuple(str(part) for part in planned.parts),
            any(catalog.addons[part.id].gpus for part in planned.parts if part.kind is PartKind.ADDON),
        )
        for planned in combinations
        if not planned.not_buildable
    )


def pulling_order(images: Iterable[WarmImage]) -> tuple[WarmImage, ...]:
    """Each image right after one whose layers it goes on from, so that a pull adds little; else the given order."""
    given = list(images)
    places = {part: place for place, part in reversed(list(enumerate(part for image in given for part in image.parts)))}
    return tuple(sorted(given, key=lambda image: [places[part] for part in image.parts]))


def warm_up_objects(
    settings: ClusterSettings,
    images: Iterable[WarmImage],
    base: str | Reference,
    pools: Iterable[WarmPool] = (DEFAULT_POOL,),
    platform: str = DEFAULT_PLATFORM,
) -> tuple[Object, ...]:
    """What warms nodes. ``base`` is the base part's image: it has a Python for the controller, and is on every node.

    ``platform`` is that of all images. Nodes of another are left alone.
    """
    ordered = pulling_order(images)
    chosen = [(pool, tuple(image for image in ordered if image.gpu == pool.gpu)) for pool in pools]
    wanted = [(_of_platform(pool, platform), those) for pool, those in chosen if those]
    if not settings.warm_up.enabled or not wanted:
        return ()
    make = _pull_job if settings.warm_up.openkruise else _daemon_set
    return (
        *controller_rights(settings, CONTROLLER),
        _make("v1", "ConfigMap", CONTROLLER, {"data": {SCRIPT: _script()}}, settings),
        *_network_policies(settings),
        _controller(settings, base, platform, [pool for pool, _ in wanted]),
        *(make(settings, pool, those, base) for pool, those in wanted),
    )


def _of_platform(pool: WarmPool, platform: str) -> WarmPool:
    return replace(pool, node_selector=MappingProxyType({**pool.node_selector, **nodes_of(platform)}))


def _script() -> str:
    return files.files("codeopen.platform.cluster.warm_up").joinpath(SCRIPT).read_text(encoding="utf-8")


def _daemon_set(
    settings: ClusterSettings, pool: WarmPool, images: tuple[WarmImage, ...], base: str | Reference
) -> Object:
    labels = {**selector(WARM_UP), POOL_LABEL: pool.name}
    spec = {
        "revisionHistoryLimit": 2,
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": settings.warm_up.parallel}},
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": {**component_labels(WARM_UP), **labels}},
            "spec": _warm_up_pod(settings, pool, images, base),
        },
    }
    # Nodes come one after the other, and a pool may have none: nothing waits for them.
    return make_object(
        "apps/v1",
        "DaemonSet",
        f"{WARM_UP}-{pool.name}",
        {"spec": spec},
        namespace=settings.namespace,
        labels=component_labels(WARM_UP),
        annotations=SKIP_AWAIT,
    )


def _warm_up_pod(
    settings: ClusterSettings, pool: WarmPool, images: tuple[WarmImage, ...], base: str | Reference
) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # With the lowest priority, and using more disk than it asks for (which is none), it is what the kubelet evicts
        # first when the disk is full.
        "priorityClassName": WARM_UP_PRIORITY,
        "terminationGracePeriodSeconds": 1,
        "nodeSelector": {**pool.node_selector, LABEL: ON},
        "securityContext": pod_security(_DEVELOPER),
        "initContainers": [
            _container(f"image-{place}", image.reference, ["/bin/true"]) for place, image in enumerate(images)
        ],
        "containers": [_container("hold", base, ["/bin/sleep", "infinity"])],
    }
    if pool.tolerations:
        pod["tolerations"] = [dict(toleration) for toleration in pool.tolerations]
    if settings.registry.pull_secret:
        pod["imagePullSecrets"] = [{"name": settings.registry.pull_secret}]
    return pod


def _container(name: str, image: str | Reference, command: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "env": [_NO_GPU],
        "resources": {"requests": _LEAST, "limits": {"memory": _LEAST["memory"]}},
        "securityContext": container_security(),
    }


def _pull_job(
    settings: ClusterSettings, pool: WarmPool, images: tuple[WarmImage, ...], base: str | Reference
) -> Object:
    """OpenKruise's way; it works through labels and needs no pod, so no toleration either.

    Nor does a taint keep it off: without the expression, all images would go to nodes of GPU pools, too.
    """
    others = {} if pool.gpu else {"matchExpressions": [{"key": POOL_LABEL, "operator": "DoesNotExist"}]}
    spec: dict[str, Any] = {
        "images": [base, *(image.reference for image in images)],
        "parallelism": settings.warm_up.parallel,
        "selector": {"matchLabels": {**pool.node_selector, LABEL: ON}, **others},
        # It goes on for nodes that join later.
        "completionPolicy": {"type": "Never"},
        "pullPolicy": {"backoffLimit": 3, "timeoutSeconds": 1800},
    }
    if settings.registry.pull_secret:
        spec["pullSecrets"] = [settings.registry.pull_secret]
    return _make("apps.kruise.io/v1alpha1", "ImageListPullJob", f"{WARM_UP}-{pool.name}", {"spec": spec}, settings)


def _network_policies(settings: ClusterSettings) -> tuple[Object, ...]:
    """Warm-up pods talk to nobody (their node pulls the images), the controller to the API server."""
    closed = {"podSelector": {"matchLabels": selector(WARM_UP)}, "policyTypes": ["Ingress", "Egress"]}
    control = {"podSelector": {"matchLabels": selector(CONTROLLER)}, "policyTypes": ["Ingress"]}
    return (
        _make("networking.k8s.io/v1", "NetworkPolicy", WARM_UP, {"spec": closed}, settings),
        _make("networking.k8s.io/v1", "NetworkPolicy", CONTROLLER, {"spec": control}, settings),
    )


def _controller(settings: ClusterSettings, base: str | Reference, platform: str, pools: Iterable[WarmPool]) -> Object:
    values = {
        "namespace": settings.namespace,
        "pods": f"app.kubernetes.io/name={selector(WARM_UP)['app.kubernetes.io/name']}",
        "pools": [dict(pool.node_selector) for pool in pools],
        # OpenKruise has a limit of its own.
        "parallel": 0 if settings.warm_up.openkruise else settings.warm_up.parallel,
        "cooldownSeconds": settings.warm_up.cooldown_minutes * 60,
        "everySeconds": EVERY_SECONDS,
    }
    container = {
        "name": "controller",
        "image": base,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/usr/bin/python3", "-I", f"{_FOLDER}/{SCRIPT}"],
        "env": [{"name": "WARM_UP", "value": json.dumps(values, sort_keys=True)}],
        "resources": {"requests": {"cpu": "10m", "memory": "128Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": container_security(),
        "volumeMounts": [{"name": "script", "mountPath": _FOLDER, "readOnly": True}],
    }
    pod: dict[str, Any] = {
        "serviceAccountName": CONTROLLER,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "nodeSelector": nodes_of(platform),
        "securityContext": pod_security(_DEVELOPER, group=True),
        "containers": [container],
        "volumes": [{"name": "script", "configMap": {"name": CONTROLLER}}],
    }
    if settings.registry.pull_secret:
        pod["imagePullSecrets"] = [{"name": settings.registry.pull_secret}]
    metadata = {"labels": component_labels(CONTROLLER), "annotations": checksum({SCRIPT: _script()})}
    spec = {
        "replicas": 1,
        "revisionHistoryLimit": 2,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": selector(CONTROLLER)},
        "template": {"metadata": metadata, "spec": pod},
    }
    before = (f"configmap/{CONTROLLER}", f"clusterrolebinding/codeopen-{CONTROLLER}", f"rolebinding/{CONTROLLER}")
    return make_object(
        "apps/v1",
        "Deployment",
        CONTROLLER,
        {"spec": spec},
        namespace=settings.namespace,
        labels=component_labels(CONTROLLER),
        after=before,
    )


def _make(api_version: str, kind: str, name: str, body: dict[str, Any], settings: ClusterSettings) -> Object:
    return make_object(api_version, kind, name, body, namespace=settings.namespace, labels=component_labels(WARM_UP))
