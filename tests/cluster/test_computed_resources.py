"""What the API server sees of every selection's resources is what ``codeopen resolve`` computes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from codeopen.model.quantity import Cpu, Memory
from codeopen.model.selection.resolve import resolve
from codeopen.model.selection.selection import Refusal
from codeopen.platform.cluster.workload.deployment import WORKSPACE
from codeopen.platform.cluster.workload.pod import stateful_set
from tests.cluster.control_plane import ControlPlane
from tests.cluster.manifests import namespace
from tests.unit.platform.cluster.test_project import CATALOG, IMAGE, RELEASE, SETTINGS, deployment, every_selection

NAMESPACE = "computed-resources"


def workload(number: int, tier: str, addons: tuple[str, ...]) -> dict[str, Any]:
    """The StatefulSet of a selection, under a name and in a namespace of this test."""
    project = replace(deployment(*addons, tier=tier), image=IMAGE)
    manifest = json.loads(json.dumps(stateful_set(project, SETTINGS).manifest, default=dict))
    manifest["metadata"] |= {"name": f"selection-{number}", "namespace": NAMESPACE}
    return dict(manifest)


def documents(text: str) -> Iterator[dict[str, Any]]:
    """kubectl prints one JSON value after the other."""
    decoder, place = json.JSONDecoder(), 0
    while place < len(text):
        value, place = decoder.raw_decode(text, place)
        yield value
        place = len(text) if text[place:].isspace() else text.index("{", place)


def test_for_all_tiers_and_addons(cluster: ControlPlane) -> None:
    cluster.apply(namespace(NAMESPACE))
    selections = every_selection()
    workloads = [workload(number, each.tier, each.addons) for number, each in enumerate(selections)]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": workloads})
    words = ("create", "--dry-run=server", "--output", "json", "--filename", "-")
    seen = list(documents(cluster.kubectl(*words, stdin=listed)))
    assert len(seen) == len(selections) > 700
    for item in seen:
        selection = selections[int(item["metadata"]["name"].rpartition("-")[2])]
        resolution = resolve(CATALOG, selection, RELEASE)
        assert not isinstance(resolution, Refusal)
        (container,) = item["spec"]["template"]["spec"]["containers"]
        assert container["name"] == WORKSPACE
        limits, computed = container["resources"]["limits"], resolution.resources
        assert (Cpu.parse(limits["cpu"]), Memory.parse(limits["memory"])) == (computed.cpu, computed.memory)
        assert Memory.parse(container["resources"]["requests"]["memory"]) == computed.memory_reservation
        assert int(limits.get("nvidia.com/gpu", "0")) == computed.gpus
