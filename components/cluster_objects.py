"""Kubernetes objects as resources of pulumi-kubernetes: each manifest through the typed class of its kind."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s

from codeopen.platform.cluster.objects import Object, Reference, SecretValue, fill

Values = Callable[[SecretValue | Reference], Any]

_GROUPS: Final = {
    "v1": "core.v1",
    "admissionregistration.k8s.io/v1": "admissionregistration.v1",
    "apps/v1": "apps.v1",
    "batch/v1": "batch.v1",
    "coordination.k8s.io/v1": "coordination.v1",
    "networking.k8s.io/v1": "networking.v1",
    "node.k8s.io/v1": "node.v1",
    "policy/v1": "policy.v1",
    "rbac.authorization.k8s.io/v1": "rbac.v1",
    "scheduling.k8s.io/v1": "scheduling.v1",
    "storage.k8s.io/v1": "storage.v1",
}
"""The module of pulumi-kubernetes that has the kinds of a group; any other group's are custom resources."""

_CHOSEN_ONCE: Final[Mapping[str, list[str]]] = {"PersistentVolumeClaim": ["spec.storageClassName"]}
"""What is chosen when an object is made: with another choice, one that has to stay would have to be replaced."""

_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")


def declare(
    objects: Iterable[Object], prefix: str, opts: pulumi.ResourceOptions, values: Values | None = None
) -> Mapping[str, pulumi.Resource]:
    """Declare objects as ``declare_each`` does; returns them by ``Object.key``."""
    listed = list(objects)
    return {_key(each, listed): resource for each, resource in declare_each(listed, prefix, opts, values)}


def declare_each(
    objects: Iterable[Object], prefix: str, opts: pulumi.ResourceOptions, values: Values | None = None
) -> Iterator[tuple[Object, pulumi.Resource]]:
    """Declare objects in their order, each after its namespace and what it names.

    Names of resources are ``PREFIX-KIND-NAME`` and, where the same kind and name is in several namespaces, are told
    apart by the namespace. Objects that outlive their stack are protected, and stay when the stack forgets them.
    """
    listed = list(objects)
    names = _names(listed, prefix)
    declared: dict[str, pulumi.Resource] = {}
    for each in listed:
        before = [f"namespace/{each.namespace}", *each.after]
        options = pulumi.ResourceOptions(depends_on=[declared[key] for key in before if key in declared])
        if each.retain:
            own = _CHOSEN_ONCE.get(each.kind)
            kept = pulumi.ResourceOptions(protect=True, retain_on_delete=True, ignore_changes=own)
            options = pulumi.ResourceOptions.merge(options, kept)
        else:
            # Names are fixed, so the old object has to go before a new one of its name can come.
            options = pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(delete_before_replace=True))
        merged = pulumi.ResourceOptions.merge(opts, options)
        resource = _declare_one(names[id(each)], fill(each.manifest, values or _refuse), merged)
        declared[_key(each, listed)] = resource
        yield each, resource


def _declare_one(name: str, manifest: dict[str, Any], opts: pulumi.ResourceOptions) -> pulumi.Resource:
    api_version, kind = manifest["apiVersion"], manifest["kind"]
    body = {key: value for key, value in manifest.items() if key not in {"apiVersion", "kind"}}
    module = _GROUPS.get(api_version)
    if module is None:
        custom: pulumi.Resource = k8s.apiextensions.CustomResource(
            name, api_version=api_version, kind=kind, opts=opts, **body
        )
        return custom
    typed = getattr(importlib.import_module(f"pulumi_kubernetes.{module}"), kind)
    resource: pulumi.Resource = typed(name, opts=opts, **{_snake(key): value for key, value in body.items()})
    return resource


def _names(objects: list[Object], prefix: str) -> dict[int, str]:
    plain = [f"{prefix}-{each.key.replace('/', '-')}" for each in objects]
    return {
        id(each): name if plain.count(name) == 1 or not each.namespace else f"{name}-{each.namespace}"
        for each, name in zip(objects, plain, strict=True)
    }


def _key(wanted: Object, objects: list[Object]) -> str:
    twins = sum(each.key == wanted.key for each in objects)
    return wanted.key if twins == 1 or not wanted.namespace else f"{wanted.namespace}/{wanted.key}"


def _snake(name: str) -> str:
    return _CAPITAL.sub(lambda capital: f"_{capital[1].lower()}", name)


def _refuse(value: SecretValue | Reference) -> Any:
    raise KeyError(f"{value} has no value: give one to declare()")
