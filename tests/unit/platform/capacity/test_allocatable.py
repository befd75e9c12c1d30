"""What pods can have of a node, against figures that the platforms publish."""

from __future__ import annotations

import pytest

from codeopen.model.catalog.model import Catalog
from codeopen.model.catalog.pool_platforms import GI, MI
from codeopen.model.catalog.read import read_catalog
from codeopen.platform.capacity.allocatable import allocatable, reserved, room
from codeopen.platform.capacity.amounts import Capacity
from tests.unit.model.catalog.copies import REAL

# Allocatable CPU, memory (Mi) and pods of each machine, as Karpenter's reference page "Instance Types" gives them.
KARPENTER = """
m7i.xlarge      3920   14162  58
m7i.2xlarge     7910   29317  58
m7i.4xlarge    15890   57691 234
m7i.8xlarge    31850  118312 234
g4dn.xlarge     3920   14481  29
g4dn.2xlarge    7910   29636  29
g4dn.4xlarge   15890   59946  29
g4dn.12xlarge  47810  178933 234
g5.xlarge       3920   14162  58
g5.2xlarge      7910   29317  58
g5.4xlarge     15890   57691 234
g5.12xlarge    47810  173400 737
g6.xlarge       3920   14162  58
g6.2xlarge      7910   29317  58
g6.4xlarge     15890   57691 234
g6.12xlarge    47810  178933 234
p4d.24xlarge   95690 1082712 737
"""
# Cores: thousandths kept, as in AKS's table.
AKS_CPU = {1: 60, 2: 100, 4: 140, 8: 180, 16: 260, 32: 420, 64: 740}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return read_catalog(REAL)


def test_every_machine_of_eks_is_as_karpenter_says(catalog: Catalog) -> None:
    eks = catalog.gpus.platforms["eks"]
    said = {name: figures for name, *figures in map(str.split, KARPENTER.strip().splitlines())}
    computed = {}
    for machine in eks.machines.values():
        there = allocatable(eks, machine)
        assert there.memory % MI == 0
        computed[machine.id] = [str(there.cpu), str(there.memory // MI), str(there.pods)]
    assert computed == said


def test_aks_keeps_what_its_table_says() -> None:
    assert {cores: reserved("aks", Capacity(cpu=cores * 1000)).cpu for cores in AKS_CPU} == AKS_CPU


@pytest.mark.parametrize(
    ("memory", "pods", "kept"),
    # AKS's two examples: 8 GB and 30 pods keep 650 MB; 4 GB and 70 pods keep a quarter, which is less than 1,450 MB.
    [(8 * GI, 30, 650 * 10**6), (4 * GI, 70, GI)],
)
def test_aks_keeps_memory_as_its_examples_do(memory: int, pods: int, kept: int) -> None:
    assert reserved("aks", Capacity(memory=memory, pods=pods)).memory == kept + 100 * MI


@pytest.mark.parametrize(
    ("gibibytes", "kept"),
    # 25 % of the first 4, 20 % of the next 4, 10 % of the next 8, 6 % of the next 112, 2 % of the rest
    [(4, 1.0), (8, 1.8), (16, 2.6), (128, 9.32), (228, 11.32)],
)
def test_gke_keeps_memory_by_steps(gibibytes: int, kept: float) -> None:
    assert abs(reserved("gke", Capacity(memory=gibibytes * GI)).memory - 100 * MI - kept * GI) < 2


@pytest.mark.parametrize(("cores", "kept"), [(1, 60), (2, 70), (4, 80), (8, 90), (16, 110), (32, 150)])
@pytest.mark.parametrize("platform", ["eks", "gke"])
def test_eks_and_gke_keep_cpu_by_steps(platform: str, cores: int, kept: int) -> None:
    assert reserved(platform, Capacity(cpu=cores * 1000)).cpu == kept


def test_a_gpu_counts_as_often_as_it_is_shared(catalog: Catalog) -> None:
    eks = catalog.gpus.platforms["eks"]
    assert allocatable(eks, eks.machines["g4dn.12xlarge"]).gpus == 4
    assert allocatable(eks, eks.machines["g4dn.12xlarge"], 8).gpus == 32


@pytest.mark.parametrize(
    ("platform", "published"),
    # Of 20 Gi as Karpenter's page gives it; of 100 Gi and of 128 Gi as nodes of GKE and AKS report it.
    [("eks", 17 * GI), ("gke", 47060071478), ("aks", 119703055367)],
)
def test_what_is_left_of_a_disk_is_a_little_less_than_nodes_say(
    catalog: Catalog, platform: str, published: int
) -> None:
    there = catalog.gpus.platforms[platform]
    for machine in there.machines.values():
        assert published * 98 // 100 <= allocatable(there, machine).disk <= published


def test_a_larger_disk_leaves_more(catalog: Catalog) -> None:
    gke = catalog.gpus.platforms["gke"]
    machine = gke.machines["g2-standard-8"]
    # 5.8 % are not seen, 10 % are kept free, and 35 % and 6 Gi are the system's, of which there are 100 Gi at most.
    assert allocatable(gke, machine, disk_gb=200).disk // GI == 92
    assert allocatable(gke, machine, disk_gb=1000).disk // GI == 742
    assert room(gke, machine, disk_gb=200).disk == allocatable(gke, machine, disk_gb=200).disk


@pytest.mark.parametrize("platform", ["eks", "gke", "aks"])
def test_the_platform_s_own_pods_come_off(catalog: Catalog, platform: str) -> None:
    there = catalog.gpus.platforms[platform]
    for machine in there.machines.values():
        whole, left = allocatable(there, machine), room(there, machine)
        assert whole - left == Capacity(
            there.system_pods.cpu.millicores, there.system_pods.memory.bytes, 0, there.system_pods.pods
        )
        assert left.holds(Capacity(1, 1, machine.gpus, 1))
