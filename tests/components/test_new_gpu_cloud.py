"""A cloud that nobody has heard of: its record, its backend and its machines are all that GPU pools need of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import ROOT

RECORD = '    PoolPlatform("nimbus", _eks, machines="nimbus", needs=("name", "group"), longest_name=8),\n'
BACKEND = '''"""GPU pools of Nimbus."""
import pulumi

def declare_nodes(name, pool, cloud, opts):
    (machine,) = pool.machines
    pulumi.ComponentResource("nimbus:index:Pool", f"{name}-{cloud.group}-{machine.id}", {}, opts)
'''
MACHINES = """
    nimbus:
      name: Nimbus Kubernetes
      region: north-1
      as_of: 2026-11-30
      memory_overhead: 50
      node_disk: 40Gi
      disk_overhead: 1
      system_pods: {cpu: 300m, memory: 400Mi, pods: 6}
      accelerators: {nvidia-t4: t4}
      machines:
        plain-4: {cpu: "4", memory: 16Gi, pods: 58, millicents: 20000}
        gpu-8: {cpu: "8", memory: 32Gi, gpus: 1, model: nvidia-t4, pods: 58, millicents: 70000}
"""
PLANS = """
from codeopen.environment.read_cluster import read_cluster_settings
from codeopen.errors import CodeOpenError
from codeopen.model.catalog.read import read_catalog
from codeopen.platform.capacity.amounts import Capacity, Demand
from codeopen.platform.cluster.gpu.managed import check_managed
from codeopen.platform.cluster.gpu.pools import check_pools
from components.gpu_node_pool import GpuNodePool, GpuNodePoolArgs
from pathlib import Path
from tests.components.mocks import record

def pool(called, **cloud):
    declared = {"name": called, "platform": "nimbus", "model": "nvidia-t4", "maxGpus": 4, "machines": ["gpu-8"]}
    settings = read_cluster_settings({"gpuPools": [declared], "cloud": cloud})
    checked = check_pools(settings.gpu_pools, read_catalog(Path("catalog")).gpus)
    check_managed(checked, settings.cloud)
    return checked[0], settings.cloud

for called, values in (("far-too-long", {}), ("t4", {"name": "main"})):
    try:
        pool(called, **values)
    except CodeOpenError as error:
        print(error)
checked, cloud = pool("t4", name="main", group="blue")
demands = (Demand("demo", "creator + gpu", Capacity(4000, 4 << 30, 1, 1)),)
print(checked.size(demands).counts)
found = record(lambda: GpuNodePool("pool", GpuNodePoolArgs(checked, demands, cloud)), {})
print([each.name for each in found if each.type == "nimbus:index:Pool"])
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what plans a pool, in which three files differ."""
    for name in ("codeopen", "components", "catalog", "provider", "stacks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    table = tmp_path / "codeopen" / "model" / "catalog" / "pool_platforms.py"
    text = table.read_text(encoding="utf-8")
    assert text.count("_ALL: Final = (\n") == 1
    table.write_text(text.replace("_ALL: Final = (\n", "_ALL: Final = (\n" + RECORD), encoding="utf-8")
    (tmp_path / "components" / "gpu_backends" / "nimbus.py").write_text(BACKEND, encoding="utf-8")
    machines = tmp_path / "catalog" / "gpus.yaml"
    machines.write_text(machines.read_text(encoding="utf-8").rstrip("\n") + "\n" + MACHINES, encoding="utf-8")
    return tmp_path


def run(checkout: Path, *arguments: str) -> str:
    paths = os.pathsep.join((str(checkout), str(ROOT)))
    done = subprocess.run(
        (sys.executable, *arguments),
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_pool_on_a_new_cloud_is_planned_and_declared(checkout: Path) -> None:
    long, lacking, counts, declared = run(checkout, "-c", PLANS).splitlines()
    assert lacking == (
        "codeopen:cluster.cloud.group is missing; write it, since GPU pool 't4' is a node pool of nimbus"
    )
    assert long == "GPU pool 'far-too-long': NIMBUS allows 8 letters and digits in a pool's name; shorten it"
    assert counts == "{'gpu-8': 1}"
    assert declared == "['pool-blue-gpu-8']"


def test_the_command_line_takes_a_new_cloud(checkout: Path) -> None:
    assert "nimbus" in run(
        checkout, "-c", "import sys; from codeopen.cli.main import main; sys.exit(main())", "plan", "capacity", "--help"
    )
