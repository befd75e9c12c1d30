"""The warm-up's objects as values, and its controller's decisions."""

from __future__ import annotations

import ast
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import codeopen.platform.cluster.warm_up.controller as controller_module
from codeopen.environment.cluster_settings import ClusterSettings, RegistrySettings, WarmUpSettings
from codeopen.model.catalog.read import read_catalog
from codeopen.model.plan.combinations import popular_combinations
from codeopen.model.plan.context import read_contexts
from codeopen.model.plan.parts import list_builds
from codeopen.model.plan.plan import PlanRequest, make_plan
from codeopen.model.selection.name import Release
from codeopen.platform.cluster.gpu.pools import POOL_LABEL
from codeopen.platform.cluster.objects import Object, Reference
from codeopen.platform.cluster.stack_objects import platform_of
from codeopen.platform.cluster.warm_up.controller import LABEL, PATIENCE_SECONDS, Rules, decide
from codeopen.platform.cluster.warm_up.images import (
    DEFAULT_POOL,
    WarmImage,
    WarmPool,
    pulling_order,
    warm_images,
    warm_up_objects,
)
from tests.unit.platform.cluster.gpu_examples import exclusive

CHECKOUT = Path(__file__).parents[4]
BASE = Reference("base", "r.example/o/codeopen-base:1")
GPU_POOL = WarmPool(
    "gpu",
    {"codeopen.dev/gpu": "t4"},
    ({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},),
    gpu=True,
)
NODES = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
SETTINGS = ClusterSettings(registry=RegistrySettings(pull_secret="registry-login"))


def image(*parts: str, gpu: bool = False) -> WarmImage:
    name = "-".join(parts)
    return WarmImage(Reference(name, f"r.example/o/codeopen-{name}:1"), parts, gpu)


IMAGES = (
    image("python"),
    image("js", "code", "gui"),
    image("js"),
    image("python", "gpu", gpu=True),
    image("js", "code"),
)


def found(
    settings: ClusterSettings = SETTINGS, pools: tuple[WarmPool, ...] = (DEFAULT_POOL, GPU_POOL)
) -> dict[str, Object]:
    return {each.key: each for each in warm_up_objects(settings, IMAGES, BASE, pools)}


def pulled(objects: dict[str, Object], pool: str) -> list[str]:
    spec = objects[f"daemonset/warm-up-{pool}"].manifest["spec"]["template"]["spec"]
    return [container["image"].name for container in spec["initContainers"]]


def test_each_image_comes_right_after_the_one_that_it_goes_on_from() -> None:
    assert [each.parts for each in pulling_order(IMAGES)] == [
        ("python",),
        ("python", "gpu"),
        ("js",),
        ("js", "code"),
        ("js", "code", "gui"),
    ]
    assert pulling_order(pulling_order(IMAGES)) == pulling_order(IMAGES)


def test_gpu_images_are_on_gpu_pools_alone() -> None:
    objects = found()
    assert pulled(objects, "default") == ["python", "js", "js-code", "js-code-gui"]
    assert pulled(objects, "gpu") == ["python-gpu"]
    gpu = objects["daemonset/warm-up-gpu"].manifest["spec"]["template"]["spec"]
    assert gpu["nodeSelector"] == {"codeopen.dev/gpu": "t4", **NODES, LABEL: "on"}
    assert gpu["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert "tolerations" not in objects["daemonset/warm-up-default"].manifest["spec"]["template"]["spec"]


def test_a_pod_pulls_one_image_at_a_time_and_sees_no_gpu() -> None:
    spec = found()["daemonset/warm-up-gpu"].manifest["spec"]["template"]["spec"]
    for container in [*spec["initContainers"], *spec["containers"]]:
        assert container["command"][0] in {"/bin/true", "/bin/sleep"}, "no image's own program runs"
        assert container["env"] == [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"}]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert "ephemeral-storage" not in container["resources"]["requests"], "else the kubelet evicts others first"
    assert spec["priorityClassName"] == "codeopen-warm-up"
    assert spec["imagePullSecrets"] == [{"name": "registry-login"}]
    assert spec["automountServiceAccountToken"] is False


def test_nodes_are_renewed_as_many_at_a_time_as_the_setting_says() -> None:
    settings = ClusterSettings(warm_up=WarmUpSettings(parallel=7))
    daemon = found(settings)["daemonset/warm-up-default"].manifest["spec"]
    assert daemon["updateStrategy"]["rollingUpdate"] == {"maxUnavailable": 7}
    assert variables(found(settings))["parallel"] == 7


def variables(objects: dict[str, Object]) -> Any:
    (container,) = objects["deployment/warm-up-controller"].manifest["spec"]["template"]["spec"]["containers"]
    (variable,) = container["env"]
    return json.loads(variable["value"])


def test_the_controller_knows_its_pools_and_is_restricted() -> None:
    objects = found()
    assert variables(objects)["pools"] == [NODES, {"codeopen.dev/gpu": "t4", **NODES}]
    spec = objects["deployment/warm-up-controller"].manifest["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["image"] == BASE
    assert container["command"][:2] == ["/usr/bin/python3", "-I"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    role = objects["clusterrole/codeopen-warm-up-controller"].manifest["rules"]
    assert role == [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "patch"]}]


def test_openkruise_pulls_where_it_is_there() -> None:
    objects = found(ClusterSettings(warm_up=WarmUpSettings(openkruise=True, parallel=3)))
    assert not [key for key in objects if key.startswith("daemonset/")]
    spec = objects["imagelistpulljob/warm-up-gpu"].manifest["spec"]
    assert [each.name for each in spec["images"]] == ["base", "python-gpu"]
    assert spec["selector"] == {"matchLabels": {"codeopen.dev/gpu": "t4", **NODES, LABEL: "on"}}
    assert (spec["parallelism"], spec["completionPolicy"]) == (3, {"type": "Never"})
    assert variables(objects)["parallel"] == 0, "the limit is OpenKruise's"


def test_openkruise_pulls_on_gpu_nodes_what_is_for_them_alone() -> None:
    """It has no pod that a taint would keep off."""
    objects = found(ClusterSettings(warm_up=WarmUpSettings(openkruise=True)))
    default = objects["imagelistpulljob/warm-up-default"].manifest["spec"]["selector"]
    assert default["matchLabels"] == {**NODES, LABEL: "on"}
    assert default["matchExpressions"] == [{"key": POOL_LABEL, "operator": "DoesNotExist"}]
    assert POOL_LABEL in exclusive().labels, "what every node of a GPU pool has"


@pytest.mark.parametrize("openkruise", [False, True])
def test_only_nodes_of_the_images_platform_are_warmed(openkruise: bool) -> None:  # noqa: FBT001
    settings = ClusterSettings(warm_up=WarmUpSettings(openkruise=openkruise))
    arm = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"}
    objects = {
        each.key: each for each in warm_up_objects(settings, IMAGES, BASE, (DEFAULT_POOL, GPU_POOL), "linux/arm64/v8")
    }
    for pool in ("default", "gpu"):
        if openkruise:
            labels = objects[f"imagelistpulljob/warm-up-{pool}"].manifest["spec"]["selector"]["matchLabels"]
        else:
            labels = objects[f"daemonset/warm-up-{pool}"].manifest["spec"]["template"]["spec"]["nodeSelector"]
        assert labels.items() >= arm.items()
    assert all(pool.items() >= arm.items() for pool in variables(objects)["pools"]), "others get no label"
    assert objects["deployment/warm-up-controller"].manifest["spec"]["template"]["spec"]["nodeSelector"] == arm


def test_nothing_is_there_when_it_is_off_or_has_nothing_to_pull() -> None:
    assert found(ClusterSettings(warm_up=WarmUpSettings(enabled=False))) == {}
    assert warm_up_objects(SETTINGS, (), BASE) == ()
    assert "daemonset/warm-up-gpu" not in {
        each.key for each in warm_up_objects(SETTINGS, (image("js"),), BASE, (DEFAULT_POOL, GPU_POOL))
    }


def test_the_catalogs_popular_combinations_are_warmed() -> None:
    catalog = read_catalog(CHECKOUT / "catalog")
    plan = make_plan(
        catalog, read_contexts(CHECKOUT, list_builds(catalog)), PlanRequest(Release("r.example", "o", "1"))
    )
    images = warm_images(catalog, plan.popular)
    assert len(images) == len(popular_combinations(catalog))
    assert [each.parts for each in images if each.gpu] == [("python", "addon-gpu", "companion-python-cuda")]
    (code,) = (each for each in images if each.parts == ("js", "addon-code-server"))
    assert isinstance(code.reference, Reference)
    assert code.reference.tag == f"r.example/o/codeopen-{code.reference.name}:1"
    of_arm = platform_of(SETTINGS, catalog, replace(plan, platforms=("linux/arm64",)), plan.popular, ())
    assert variables({each.key: each for each in of_arm})["pools"] == [{**NODES, "kubernetes.io/arch": "arm64"}]


# --- the controller -------------------------------------------------------------------------------------------------

NOW = 1_800_000_000.0
RULES = Rules(({"pool": "a"},), 2, 3600)


def time(before: float) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415

    return datetime.fromtimestamp(NOW - before, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node(name: str, label: str = "", *, full: bool = False, since: float = 9e6, ready: bool = True, **more: Any) -> Any:
    labels = {"pool": "a", **({LABEL: label} if label else {})}
    conditions = [
        {"type": "Ready", "status": str(ready), "lastTransitionTime": time(9e6)},
        {"type": "DiskPressure", "status": str(full), "lastTransitionTime": time(since)},
    ]
    return {"metadata": {"name": name, "labels": labels}, "spec": more, "status": {"conditions": conditions}}


def pod(on: str, *, ready: bool, age: float = 60) -> Any:
    return {
        "metadata": {"creationTimestamp": time(age)},
        "spec": {"nodeName": on},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def test_as_many_nodes_begin_as_there_are_places() -> None:
    nodes = [node("n1"), node("n2"), node("n3")]
    assert decide(nodes, [], RULES, NOW) == {"n1": "on", "n2": "on"}
    nodes = [node("n1", "on"), node("n2", "on"), node("n3")]
    assert decide(nodes, [pod("n1", ready=False), pod("n2", ready=True)], RULES, NOW) == {"n3": "on"}
    assert decide(nodes, [pod("n1", ready=False), pod("n2", ready=False)], RULES, NOW) == {}
    assert decide([node("n1"), node("n2"), node("n3")], [], Rules(RULES.pools, 0, 1), NOW) == dict.fromkeys(
        ("n1", "n2", "n3"), "on"
    )


def test_a_node_that_never_gets_ready_holds_no_place_for_ever() -> None:
    nodes = [node("n1", "on"), node("n2", "on"), node("n3")]
    stuck = [pod("n1", ready=False, age=PATIENCE_SECONDS + 1), pod("n2", ready=False)]
    assert decide(nodes, stuck, RULES, NOW) == {"n3": "on"}
    gone = [node("n1", "on", ready=False), node("n2", "on"), node("n3")]
    assert decide(gone, [pod("n1", ready=False), pod("n2", ready=False)], RULES, NOW) == {"n3": "on"}


@pytest.mark.parametrize(
    ("state", "decision"),
    [
        (node("n", "on", full=True), "paused"),
        (node("n", full=True), "paused"),
        (node("n", "paused", full=True), None),
        (node("n", "paused", since=3599), None),
        (node("n", "paused", since=3600), "on"),
        (node("n", since=1), "on"),
        (node("n", "on"), None),
        (node("n", ready=False), None),
        (node("n", "never"), None),
        (node("n", "never", full=True), None),
        (node("n", unschedulable=True), None),
        (node("n", "on", full=True, ready=False), "paused"),
    ],
)
def test_what_becomes_of_a_node(state: Any, decision: str | None) -> None:
    assert decide([state], [], RULES, NOW) == ({} if decision is None else {"n": decision})


def test_nodes_of_no_pool_are_left_alone() -> None:
    other = node("n1", full=True)
    other["metadata"]["labels"]["pool"] = "b"
    bare = {"metadata": {"name": "n2"}, "spec": {}, "status": {}}
    assert decide([other, bare], [], RULES, NOW) == {}
    assert decide([bare], [], Rules(({},), 2, 1), NOW) == {}, "a node that says nothing is not ready"


def test_the_controller_needs_the_standard_library_alone() -> None:
    tree = ast.parse(Path(controller_module.__file__).read_text())
    imported = {alias.name for item in ast.walk(tree) if isinstance(item, ast.Import) for alias in item.names}
    imported |= {str(item.module) for item in ast.walk(tree) if isinstance(item, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)
