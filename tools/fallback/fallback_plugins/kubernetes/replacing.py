"""What differs between two objects, field by field, and which differences need another object.

The table is the official plugin's: where it has no entry, the API server decides, and refuses what can't change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fallback_plugins.kubernetes.tokens import ObjectKind
from provider.protocol.properties import Change, Difference
from provider.protocol.values import UNKNOWN, Properties, Value

Path = tuple[str | int, ...]

IDENTITY: Final = ("metadata.name", "metadata.namespace")
WORKLOAD: Final = ("spec.selector",)
STATEFUL_SET: Final = (
    *("spec.podManagementPolicy", "spec.revisionHistoryLimit", "spec.selector", "spec.serviceName"),
    "spec.volumeClaimTemplates",
)
VOLUME_SOURCES: Final = (
    *("awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "fc", "flexVolume", "flocker"),
    *("gcePersistentDisk", "glusterfs", "hostPath", "iscsi", "local", "nfs", "photonPersistentDisk"),
    *("portworxVolume", "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume"),
)
POD_FIELDS: Final = (
    *("affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "enableServiceLinks", "hostAliases"),
    *("hostIPC", "hostNetwork", "hostPID", "hostname", "imagePullSecrets", "nodeName", "nodeSelector", "overhead"),
    *("preemptionPolicy", "priority", "priorityClassName", "readinessGates", "restartPolicy", "runtimeClassName"),
    *("schedulerName", "securityContext", "serviceAccount", "serviceAccountName", "shareProcessNamespace"),
    *("subdomain", "terminationGracePeriodSeconds", "volumes"),
)
CONTAINER_FIELDS: Final = (
    *("args", "command", "env", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "ports", "readinessProbe"),
    *("resources", "securityContext", "stdin", "stdinOnce", "terminationMessagePath", "terminationMessagePolicy"),
    *("tty", "volumeDevices", "volumeMounts", "workingDir"),
)
REPLACED: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("apps", "DaemonSet"): WORKLOAD,
    ("apps", "Deployment"): WORKLOAD,
    ("apps", "StatefulSet"): STATEFUL_SET,
    ("batch", "Job"): ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): ("parameters", "provisioner"),
    ("", "PersistentVolume"): tuple(f"spec.{name}" for name in VOLUME_SOURCES),
    ("", "PersistentVolumeClaim"): (
        *("spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"),
    ),
    ("", "Pod"): (
        *(f"spec.{name}" for name in POD_FIELDS),
        *(f"spec.{group}.{name}" for group in ("containers", "initContainers") for name in CONTAINER_FIELDS),
    ),
    ("", "ResourceQuota"): ("spec.scopes",),
    ("", "Service"): ("spec.clusterIP",),
}
SECRET_CONTENT: Final = ("type", "data", "stringData")
CONFIG_MAP_CONTENT: Final = ("data", "binaryData")


@dataclass(frozen=True, slots=True)
class Mutable:
    """Whether the provider's configuration lets these change in place; by default they are replaced."""

    secrets: bool = False
    config_maps: bool = False


def replacing_fields(of: ObjectKind, inputs: Properties, mutable: Mutable) -> tuple[str, ...]:
    """The paths, lists' indexes left out, at or below which a change needs another object."""
    own: tuple[str, ...]
    match of.group, of.kind:
        case "", "Secret":
            fixed = not mutable.secrets or inputs.get("immutable") is True
            own = SECRET_CONTENT if fixed else ("type",)
        case "", "ConfigMap":
            own = CONFIG_MAP_CONTENT if not mutable.config_maps or inputs.get("immutable") is True else ()
        case key:
            own = REPLACED.get(key, ())
    return (*IDENTITY, *own)


def compare(old: Properties, new: Properties, replacing: tuple[str, ...]) -> list[Difference]:
    """The fields that differ, by their paths as Pulumi spells them."""
    found = []
    for path, before, after in _leaves((), old, new):
        plain = ".".join(part for part in path if isinstance(part, str))
        fixed = any(_touches(plain, each, before) or _touches(plain, each, after) for each in replacing)
        change = Change.REPLACE if fixed else Change.UPDATE
        found.append(Difference(_spelled(path), change, added=before is None, removed=after is None))
    return found


def _touches(changed: str, fixed: str, value: Value) -> bool:
    """Whether a change at this path is one of the fixed field: at it, below it, or of a branch that holds it."""
    if f"{changed}.".startswith(f"{fixed}."):
        return True
    if not fixed.startswith(f"{changed}."):
        return False
    for name in fixed.removeprefix(f"{changed}.").split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value is not None


def _leaves(path: Path, old: Value, new: Value) -> Iterator[tuple[Path, Value, Value]]:
    """The deepest differing fields. ``None`` is absent; what isn't known yet differs from everything."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in {**old, **new}:
            yield from _leaves((*path, name), old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else None
            yield from _leaves((*path, index), before, new[index] if index < len(new) else None)
    elif old != new or new is UNKNOWN:
        yield path, old, new


def _spelled(path: Path) -> str:
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif any(mark in part for mark in '."[]'):
            text += '["' + part.replace('"', '\\"') + '"]'
        else:
            text += f".{part}" if text else part
    return text
