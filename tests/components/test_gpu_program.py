"""The platform's whole program with GPU pools as docs/how-to/give-projects-a-gpu.md declares them, on each cloud."""

from __future__ import annotations

import json
import re
import sys
from typing import Any
from unittest.mock import MagicMock

import pulumi
import pytest
import yaml

from stacks.program import run_stack
from tests.components import mocks
from tests.components.mocks import Declared, record
from tests.live import ROOT

PAGE = ROOT / "docs" / "how-to" / "give-projects-a-gpu.md"
LEARNER = {"id": "learner", "tier": "creator", "flavor": "python", "addons": ["gpu"]}
SDKS = {"gke": "pulumi_gcp", "eks": "pulumi_aws", "aks": "pulumi_azure_native"}
POOLS: dict[str, tuple[str, dict[str, Any]]] = {
    "gke": ("gcp:container/nodePool:NodePool", {"cluster": "staging", "location": "us-central1"}),
    "eks": ("aws:eks/nodeGroup:NodeGroup", {"clusterName": "staging", "instanceTypes": ["g4dn.2xlarge"]}),
    "aks": (
        "azure-native:containerservice:AgentPool",
        {"resourceName": "staging", "resourceGroupName": "my-group", "vmSize": "Standard_NC8as_T4_v3"},
    ),
}


def cluster(platform: str) -> dict[str, Any]:
    """The page's settings of a managed pool."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    found = [yaml.safe_load(block)["config"]["codeopen:cluster"] for block in blocks]
    (settings,) = [each for each in found if each["gpuPools"][0]["platform"] == platform]
    return dict(settings)


def declare(settings: dict[str, Any], *projects: dict[str, Any]) -> list[Declared]:
    values = {"cluster": settings, "projects": projects, "combinations": []}
    return record(run_stack, {"registry": "ghcr.io", **{key: json.dumps(value) for key, value in values.items()}})


@pytest.fixture(autouse=True)
def _groups_of_eks(monkeypatch: pytest.MonkeyPatch) -> None:
    computed = mocks._computed
    groups = {"resources": [{"autoscalingGroups": [{"name": "group"}]}]}
    monkeypatch.setattr(
        mocks, "_computed", lambda args, there: groups if "nodeGroup" in args.typ else computed(args, there)
    )


@pytest.mark.parametrize("platform", SDKS)
def test_a_stack_declares_managed_pools(platform: str) -> None:
    """With the cloud's real SDK."""
    pytest.importorskip(SDKS[platform], reason=f"an optional extra: {SDKS[platform]}")
    kind, wanted = POOLS[platform]
    (nodes,) = [each.inputs for each in declare(cluster(platform), LEARNER) if each.type == kind]
    assert wanted.items() <= nodes.items()


@pytest.mark.parametrize("platform", SDKS)
def test_a_stack_asks_the_clouds_sdk_for_its_pools(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for the SDK: the cluster's settings get there, and the project is declared as well."""
    sdk = MagicMock()
    monkeypatch.setitem(sys.modules, SDKS[platform], sdk)
    resources = declare(cluster(platform), LEARNER)
    called = {
        "gke": sdk.container.NodePool,
        "eks": sdk.eks.NodeGroup,
        "aks": sdk.containerservice.AgentPool,
    }[platform]
    (call,) = called.call_args_list
    given = {re.sub("_$", "", re.sub("_(?=.)", "", key)).lower(): value for key, value in call.kwargs.items()}
    assert {key.lower(): value for key, value in POOLS[platform][1].items()}.items() <= given.items()
    assert [each.name for each in resources if each.type == "codeopen:kubernetes:ProjectStack"] == ["project-learner"]


def test_what_a_managed_pool_lacks_is_told_before_anything_is_declared() -> None:
    settings = cluster("eks")
    (pool,) = settings["gpuPools"]
    unnamed = {**settings, "cloud": {"name": "staging"}, "gpuPools": [{**pool, "machines": []}]}
    with pytest.raises(pulumi.RunError) as told:
        declare(unnamed, LEARNER)
    first, second, third = str(told.value).splitlines()
    assert first.startswith("codeopen:cluster.cloud.nodeRole is missing")
    assert second.startswith("codeopen:cluster.cloud.subnets is missing")
    assert third.startswith("codeopen:cluster.gpuPools: pool 't4' must name exactly one of its machines")


def test_no_listed_project_changes_a_pools_machines() -> None:
    pytest.importorskip("pulumi_gcp", reason="an optional extra: pulumi_gcp")
    machines = {
        declared.inputs["nodeConfig"]["machineType"]
        for projects in ((), (LEARNER,), (LEARNER, {**LEARNER, "id": "other"}))
        for declared in declare(cluster("gke"), *projects)
        if declared.type == POOLS["gke"][0]
    }
    assert machines == {"g2-standard-8"}
