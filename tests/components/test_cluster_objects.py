"""What is told to the engine of a Kubernetes object beside its manifest."""

from __future__ import annotations

from typing import Any

import pulumi

from codeopen.platform.cluster.objects import Object, make_object
from components.cluster_objects import declare
from tests.components.mocks import record


def options_of(*objects: Object) -> dict[str, pulumi.ResourceOptions]:
    """The options of each object's resource, by its name."""
    found: dict[str, pulumi.ResourceOptions] = {}

    def note(args: pulumi.ResourceTransformationArgs) -> None:
        found[args.name] = args.opts

    def program() -> None:
        declare(objects, "p", pulumi.ResourceOptions(transformations=[note]))

    record(program, {})
    return found


def claim(name: str, *, retain: bool) -> Object:
    spec: dict[str, Any] = {"storageClassName": "fast", "resources": {"requests": {"storage": "1G"}}}
    return make_object("v1", "PersistentVolumeClaim", name, {"spec": spec}, namespace="n", retain=retain)


def test_a_claim_that_stays_keeps_its_storage_class() -> None:
    """With another one it would have to be replaced, which it is protected from: every later run would fail."""
    namespace = make_object("v1", "Namespace", "n", {}, retain=True)
    found = options_of(namespace, claim("home", retain=True), claim("cache", retain=False))
    assert {name: (each.protect, each.retain_on_delete, each.ignore_changes) for name, each in found.items()} == {
        "p-namespace-n": (True, True, None),
        "p-persistentvolumeclaim-home": (True, True, ["spec.storageClassName"]),
        "p-persistentvolumeclaim-cache": (None, None, None),
    }
