"""A whole platform with twenty projects on real controllers and real Karpenter: what `make cluster` shows of it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from codeopen.images.ondemand.opening import read_source
from codeopen.model.plan.combinations import popular_combinations
from codeopen.model.plan.digest import plan_tag
from codeopen.model.plan.parts import BASE, PartId, PartKind
from tests.cluster.control_plane import control_plane
from tests.cluster.faulty_api import Fault, Faults, faulty_api
from tests.cluster.karpenter import NODE_CLASS, InstanceType, karpenter
from tests.cluster.project_environment import NAME, Environment, project, project_environment
from tests.unit.images.registry.real_registry import distribution_3, serving

pytestmark = pytest.mark.heavy

PROJECTS = 20
FIVE_MINUTES = 300
TYPES = (
    InstanceType("g4dn.2xlarge", "8", "32Gi", 0.752, {"nvidia.com/gpu": "1"}),
    InstanceType("g4dn.4xlarge", "16", "64Gi", 1.204, {"nvidia.com/gpu": "1"}),
)
POOL = {
    "name": "t4",
    "platform": "karpenter",
    "model": "nvidia-t4",
    "maxGpus": 1,
    "machines": ["g4dn.2xlarge", "g4dn.4xlarge"],
    "nodeClass": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": NODE_CLASS},
    "emptyAfter": "5s",
}


class Platform:
    """``codeopen up`` of an environment that has everything a cluster can be asked for."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.cluster = environment.cluster

    def configure(self, *projects: dict[str, Any], kubeconfig: Path | None = None) -> None:
        self.environment.kubeconfig = str(kubeconfig or "")
        self.environment.configure(gpuPools=[POOL])
        file = self.environment.checkout / "stacks" / f"Pulumi.{NAME}.yaml"
        values = yaml.safe_load(file.read_text())["config"]
        values |= {"codeopen:combinations": ["popular"], "codeopen:projects": list(projects)}
        file.write_text(yaml.safe_dump({"config": values}))

    def codeopen(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = self.environment
        command = [sys.executable, "-m", "codeopen.cli", *words, "--stack", NAME]
        return subprocess.run(
            command, cwd=environment.checkout, env=environment.environment, capture_output=True, text=True, check=False
        )

    def up(self) -> None:
        done = self.codeopen("up")
        assert done.returncode == 0, done.stdout + done.stderr

    def changes(self) -> list[str]:
        done = self.codeopen("up", "--dry-run", "--format", "json")
        assert done.returncode == 0, done.stdout + done.stderr
        return [f"{each['operation']} {each['name']}" for each in json.loads(done.stdout)["changes"]]

    def publish_all(self) -> None:
        """A tiny image for every image that the platform names."""
        environment = self.environment
        source = read_source(NAME, environment.checkout)
        flavors = {("js",), ("js", "gpu")}
        flavors |= {(each.flavor, *each.addons) for each in popular_combinations(source.catalog)}
        environment.publish(*sorted(flavors))
        registry, platform = environment.registry, source.settings.platforms[0]
        base, js = source.by_id[BASE], source.by_id[PartId(PartKind.FLAVOR, "js")]
        # The base gets the bytes of js: nothing runs them.
        copied = registry.read_manifest("codeopen/codeopen-js", plan_tag(js.digests[platform]))
        config = copied.parsed()["config"]["digest"]
        repository = base.reference.partition("/")[2].rpartition(":")[0]
        registry.upload_blob(repository, config, registry.read_blob("codeopen/codeopen-js", config))
        registry.write_manifest(repository, plan_tag(base.digests[platform]), copied.media_type, copied.content)

    def running(self) -> int:
        pods = self.cluster.items("pods", None, "--selector", "app.kubernetes.io/name=workspace")
        return Counter(pod["status"]["phase"] for pod in pods)["Running"]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("scale")
    for name in ("cluster", "environment", "registry"):
        (folder / name).mkdir()
    with (
        control_plane(folder / "cluster") as cluster,
        karpenter(cluster, TYPES),
        serving(distribution_3(), folder / "registry") as registry,
        project_environment(folder / "environment", cluster, registry) as environment,
    ):
        cluster.kubectl("delete", "priorityclass", "codeopen-workspace")
        for number in range(3):
            cluster.add_node(f"ordinary-{number}")
        made = Platform(environment)
        made.configure()
        made.publish_all()
        yield made


def listed() -> list[dict[str, Any]]:
    return [project(f"p{number:02}") for number in range(PROJECTS)]


def gpu_project(name: str, **more: Any) -> dict[str, Any]:
    return {**project(name, "gpu"), "tier": "creator", **more}


def test_a_platform_and_twenty_projects_in_spite_of_a_restart_and_refusals(platform: Platform) -> None:
    """One request in ten is refused with 429, and the API server restarts in the middle of it all."""
    cluster = platform.cluster
    with faulty_api(cluster, Faults(share=0.1, kinds=(Fault.TOO_MANY,))) as api:
        platform.configure(*listed(), kubeconfig=api.kubeconfig)
        begun = time.monotonic()

        def restart() -> None:
            cluster.wait_for("the first projects", lambda: len(cluster.items("statefulsets")) > 3, FIVE_MINUTES)
            cluster.restart_api_server()

        breaking = threading.Thread(target=restart)
        breaking.start()
        platform.up()
        breaking.join(FIVE_MINUTES)
        assert time.monotonic() - begun < FIVE_MINUTES
        assert Fault.TOO_MANY in api.faults.failed
        assert platform.changes() == []
    platform.configure(*listed())
    assert platform.changes() == ["update cluster"], "the server's address is no reason to replace anything"
    platform.up()
    assert platform.changes() == []
    cluster.wait_for("all workspaces Running", lambda: platform.running() == PROJECTS, FIVE_MINUTES)


def test_a_changed_addon_changes_its_project_alone(platform: Platform) -> None:
    changed = [project("p07", "gui") if each["id"] == "p07" else each for each in listed()]
    platform.environment.publish(("js", "gui"))
    platform.configure(*changed)
    names = platform.changes()
    assert names
    assert {name for name in names if "p07" not in name} <= {"create image-js-gui"}


def test_a_gpu_project_gets_a_node_and_gives_it_back(platform: Platform) -> None:
    cluster = platform.cluster
    ordinary = {f"ordinary-{number}" for number in range(3)}

    def gpu_nodes() -> set[str]:
        return {node["metadata"]["name"] for node in cluster.items("nodes")} - ordinary

    platform.configure(*listed(), gpu_project("learner"))
    assert gpu_nodes() == set()
    platform.up()
    pod = cluster.wait_for_pod("codeopen-learner", "workspace-0", 120)
    assert {pod["spec"]["nodeName"]} == gpu_nodes()
    assert pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"

    platform.configure(*listed(), gpu_project("learner"), gpu_project("another"))
    done = platform.codeopen("up")
    assert done.returncode == 1
    assert "GPU pool 't4': its projects want 2 GPUs, turns or slices, and it has 1" in done.stderr
    assert cluster.kubectl("get", "statefulset", "-n", "codeopen-another", "-o", "name", check=False) == ""
    # What no list names, as projects with stacks of their own, is refused by the API server.
    seat = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
    assert "exceeded quota: seats" in cluster.refused(
        {**seat, "metadata": {"name": "another.0", "namespace": "codeopen-gpu-t4"}}
    )

    # Within one run what is new comes before what is no longer wanted: the seat has to be given back first.
    asleep = gpu_project("learner", state="hibernated")
    platform.configure(*listed(), asleep, gpu_project("another", state="hibernated"))
    platform.up()
    platform.configure(*listed(), asleep, gpu_project("another"))
    platform.up()
    moved = cluster.wait_for_pod("codeopen-another", "workspace-0", 120)
    assert moved["spec"]["nodeName"]
    platform.configure(*listed(), asleep, gpu_project("another", state="hibernated"))
    platform.up()
    cluster.wait_for("the pool empty", lambda: gpu_nodes() == set(), 180)
