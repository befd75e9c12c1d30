"""``codeopen plan capacity``: which pool each project counts in, and what is said of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from codeopen.cli.main import main
from tests.unit.model.catalog.copies import ROOT

T4 = {"name": "t4", "platform": "karpenter", "model": "nvidia-t4", "maxGpus": 3}
TURNS = {
    "name": "turns",
    "platform": "karpenter",
    "model": "nvidia-l4",
    "maxGpus": 1,
    "owner": "anna",
    "sharing": {"kind": "time-slicing", "replicas": 4},
    "diskGb": 100,
}
PROJECTS = [
    {"id": "plain", "tier": "starter", "flavor": "js"},
    {"id": "vision", "tier": "creator", "flavor": "python", "addons": ["gpu"]},
    {"id": "anna-1", "tier": "creator", "flavor": "python", "addons": ["gpu"], "owner": "anna"},
    {"id": "anna-2", "tier": "creator", "flavor": "python", "addons": ["gpu"], "owner": "anna"},
    {"id": "asleep", "tier": "power", "flavor": "python", "addons": ["gpu"], "state": "hibernated"},
]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "VERSION").write_text("0.0.2\n")
    shutil.copytree(ROOT / "catalog", tmp_path / "catalog")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(
    checkout: Path, capsys: pytest.CaptureFixture[str], pools: list[Any], *words: str, **cluster: Any
) -> tuple[int, str, str]:
    config = {"codeopen:cluster": {"gpuPools": pools, **cluster}, "codeopen:projects": PROJECTS}
    (checkout / "stacks" / "Pulumi.team.yaml").write_text(yaml.safe_dump({"config": config}))
    code = main(["plan", "capacity", "--stack", "team", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_each_project_counts_in_its_pool(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(checkout, capsys, [T4, TURNS], "--format", "json")
    assert code == 0
    data = json.loads(out)
    assert (data["platform"], data["region"], data["hibernated"]) == ("eks", "us-east-1", ["asleep"])
    nodes = {
        pool["pool"]: [(node["machine"], sorted(node["projects"])) for node in pool["nodes"]] for pool in data["pools"]
    }
    assert nodes == {
        "ordinary": [("m7i.xlarge", ["plain"])],
        "gpu t4": [("g4dn.2xlarge", ["vision"])],
        "gpu turns": [("g6.4xlarge", ["anna-1", "anna-2"])],
    }
    assert [pool["millicents_an_hour"] for pool in data["pools"]] == [20160, 75200, 132320]
    (t4,) = [pool for pool in data["pools"] if pool["pool"] == "gpu t4"]
    fits = {row["machine"]: row["fits"]["creator + gpu"] for row in t4["machines"]}
    # Four cores are not left of four; of eight, the one GPU runs out first.
    assert fits["g4dn.xlarge"] == {"count": 0, "binds": "cpu"}
    assert fits["g4dn.2xlarge"] == {"count": 1, "binds": "gpu"}
    assert t4["at_least_millicents_an_hour"] <= t4["millicents_an_hour"]
    assert t4["cents_a_month"] == 54896


def test_people_read_a_table_for_each_pool(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(checkout, capsys, [T4, TURNS])
    assert code == 0
    assert "gpu t4: 1 project on 1 node (1 g4dn.2xlarge), $0.752 an hour, $548.96 a month\n" in out
    assert "g4dn.2xlarge  $0.752     1 (gpu)          1      $548.96\n" in out
    assert "Together $2.277 an hour, $1,662.07 a month\n" in out
    assert "Not counted, since they hibernate: asleep\n" in out
    assert "t4 3 GPUs, 3 seats, turns 1 GPUs, 4 seats\n" in out


def test_a_node_has_as_many_projects_as_its_disk_has_room_for(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Karpenter's default of 20 GB holds the scratch of one; of more there is more, until something else runs out."""

    def fits(*, disk: int, scratch: str = "10Gi") -> dict[str, Any]:
        code, out, _ = call(checkout, capsys, [T4], "--format", "json", nodeDiskGb=disk, scratch=scratch)
        assert code == 0
        rows = {row["machine"]: row["fits"]["starter"] for row in json.loads(out)["pools"][0]["machines"]}
        found: dict[str, Any] = rows["m7i.4xlarge"]
        return found

    assert fits(disk=0) == {"count": 1, "binds": "disk"}
    assert fits(disk=100) == {"count": 8, "binds": "disk"}
    assert fits(disk=500) == {"count": 15, "binds": "cpu"}
    assert fits(disk=100, scratch="5Gi") == {"count": 15, "binds": "cpu"}
    code, _, err = call(checkout, capsys, [T4], scratch="10G")
    assert code == 4
    assert "codeopen:cluster.scratch: '10G' is no size; write a whole number and Mi, Gi or Ti, as 10Gi" in err


def test_a_pool_s_own_disk_counts(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(checkout, capsys, [T4, {**TURNS, "diskGb": 0}])
    assert "gpu turns: 2 projects on 2 nodes" in out
    _, out, _ = call(checkout, capsys, [T4, TURNS])
    assert "gpu turns: 2 projects on 1 node (1 g6.4xlarge)" in out


def test_one_that_is_removed_needs_no_pool(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = {"id": "gone", "tier": "creator", "flavor": "python", "addons": ["gpu"], "owner": "bob"}
    monkeypatch.setattr(f"{__name__}.PROJECTS", [{**gone, "state": "hibernated"}])
    assert "open to" in call(checkout, capsys, [TURNS])[2]
    monkeypatch.setattr(f"{__name__}.PROJECTS", [{**gone, "state": "removed"}])
    code, out, _ = call(checkout, capsys, [TURNS], "--format", "json")
    assert (code, json.loads(out)["hibernated"]) == (0, [])


@pytest.mark.parametrize(("platform", "machine"), [("gke", "n1-standard-8-t4"), ("aks", "Standard_NC8as_T4_v3")])
def test_another_platform_is_compared_by_its_cheapest_gpus(
    checkout: Path, capsys: pytest.CaptureFixture[str], platform: str, machine: str
) -> None:
    code, out, _ = call(checkout, capsys, [T4], "--platform", platform)
    assert code == 0
    assert f"gpu nvidia-t4 (no pool is declared): 3 projects on 3 nodes (3 {machine})" in out


def test_the_machine_that_a_managed_pool_has_to_name_is_computed(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    managed = {**T4, "platform": "gke"}
    code, out, _ = call(checkout, capsys, [managed])
    assert code == 0
    assert "Name the one machine of GPU pool t4: `machines: [n1-standard-8-t4]`\n" in out
    _, out, _ = call(checkout, capsys, [{**managed, "machines": ["n1-standard-8-t4"]}])
    assert "Name the one machine" not in out


def test_a_pool_that_is_too_small_is_told(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(checkout, capsys, [{**T4, "maxGpus": 2}])
    assert code == 4
    assert "GPU pool 't4': its projects want 3 GPUs, turns or slices, and it has 2; raise maxGpus" in err


def test_a_catalog_without_machines_is_told(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "catalog" / "gpus.yaml").unlink()
    code, _, err = call(checkout, capsys, [])
    assert code == 4
    assert "catalog/gpus.yaml has no platform 'eks'; it has none" in err
