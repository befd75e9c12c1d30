"""Projects as stacks of their own on a real control plane: docs/how-to/run-projects-on-kubernetes.md."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.cluster.faulty_api import Fault, Faults, faulty_api
from tests.cluster.project_environment import Environment, project, project_environment
from tests.unit.images.registry.real_registry import distribution_3, serving

FIVE_MINUTES = 300


@pytest.fixture(scope="module")
def team(cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    folder, registry = tmp_path_factory.mktemp("team"), tmp_path_factory.mktemp("registry")
    with serving(distribution_3(), registry) as served, project_environment(folder, cluster, served) as made:
        made.publish(("js",), ("js", "databases"))
        yield made


def test_a_projects_life(team: Environment) -> None:
    """Three applied at once; one changed, hibernated, woken, renamed, downgraded, removed: each step needs the last."""
    shop, news, mail = project("shop"), project("news", "databases"), project("mail", name="Mail")
    declared = team.declare(shop, news, mail)
    applied = team.rows("apply", declared, "--wait")
    assert {name: (row["status"], row["ready"]) for name, row in applied.items()} == dict.fromkeys(
        ("shop", "news", "mail"), ("changed", "")
    )
    identity = team.uid("shop", "pvc", "home"), team.uid("shop", "namespace", "codeopen-shop")

    # A changed add-on is a change of that project alone; the others preview clean.
    previewed = team.rows("apply", team.declare(project("shop", "databases"), news, mail), "--dry-run")
    assert {name: row["status"] for name, row in previewed.items()} == {
        "shop": "changed",
        "news": "unchanged",
        "mail": "unchanged",
    }
    kinds = {change["type"].rpartition(":")[2] for change in previewed["shop"]["changes"]}
    assert kinds == {"LimitRange", "PublishedImage", "ResourceQuota", "StatefulSet"}

    assert team.statuses("hibernate", "shop") == {"shop": "changed"}
    team.cluster.wait_for("no pod", lambda: not team.pods("shop"))
    woken = team.rows("wake", "shop", "--wait")["shop"]
    assert (woken["status"], woken["ready"], len(team.pods("shop"))) == ("changed", "", 1)

    # A new name is an annotation; a smaller tier keeps the disk, and says so.
    pods = team.pods("shop")
    larger = team.declare({**shop, "name": "The shop", "tier": "power"})
    assert team.statuses("apply", larger) == {"shop": "changed"}
    smaller = team.rows("apply", team.declare({**shop, "name": "The shop"}))["shop"]
    assert any("a volume never shrinks" in warning for warning in smaller["warnings"]), smaller
    assert team.pods("shop") == pods, "a workspace that runs is left alone"

    assert team.statuses("remove", "shop") == {"shop": "changed"}
    assert team.cluster.items("statefulsets", "codeopen-shop") == []
    listed = team.rows("list")
    assert {name: row["state"] for name, row in listed.items() if row["stack"]} == {
        "mail": "running",
        "news": "running",
        "shop": "none",
    }
    assert (team.uid("shop", "pvc", "home"), team.uid("shop", "namespace", "codeopen-shop")) == identity
    assert "--with-data deletes the disks" in team.project("remove", "shop", "--with-data").stderr
    assert team.statuses("remove", "shop", "--with-data", "--yes") == {"shop": "changed"}
    assert "codeopen-shop" not in [each["metadata"]["name"] for each in team.cluster.items("namespaces")]
    assert "has none of that id" in team.rows("wake", "shop", code=1)["shop"]["message"]


def test_a_new_image_reaches_a_workspace_only_when_it_may(team: Environment) -> None:
    team.configure(upgradeAfterHours=1)
    declared = team.declare(project("lab"))
    team.rows("apply", declared, "--wait")
    (pod,), old = team.pods("lab"), team.image("lab")
    with (team.checkout / "dockerfiles/flavors/js/Dockerfile").open("a") as file:
        file.write("# Changed by a test.\n")
    assert "is not published" in team.rows("apply", declared, code=1)["lab"]["message"]
    team.publish(("js",))
    assert team.statuses("apply", declared) == {"lab": "changed"}
    assert team.image("lab") != old
    assert team.pods("lab") == [pod]
    assert team.rows("list")["lab"]["outdated"]
    assert team.rows("upgrade", "--due") == {}, "an hour has not passed"
    assert team.rows("upgrade", "lab", "--wait")["lab"]["ready"] == ""
    assert team.pods("lab") != [pod]
    assert team.statuses("upgrade", "lab") == {"lab": "unchanged"}
    team.configure()


def test_a_broken_project_stops_no_other(team: Environment) -> None:
    """One has no image, one can't be had at all, one is under way elsewhere, and one has no room in its namespace."""
    broken = [project("nopic", flavor="go"), project("notier", tier="enormous"), project("busy"), project("crowded")]
    team.rows("apply", team.declare(project("busy"), project("crowded")))
    with team.locked("busy"):
        rows = team.rows("apply", team.declare(*broken, project("fine")), "--parallel", "2", code=1)
    assert {name: row["status"] for name, row in rows.items()} == {
        "nopic": "failed",
        "notier": "failed",
        "busy": "in-use",
        "crowded": "unchanged",
        "fine": "changed",
    }
    assert "is not published" in rows["nopic"]["message"]
    assert "'enormous'" in rows["notier"]["message"]
    assert "is in use: process" in rows["busy"]["message"]
    team.cluster.kubectl(
        "patch", "quota", "workspace", "-n", "codeopen-crowded", "-p", '{"spec":{"hard":{"pods":"0"}}}'
    )
    team.cluster.kubectl("delete", "pod", "workspace-0", "-n", "codeopen-crowded")
    done = team.rows("wake", "crowded", "--wait", "--timeout", "20", code=1)["crowded"]
    assert "exceeded quota" in done["ready"], done


@pytest.mark.heavy
def test_twenty_projects_survive_a_restart_of_the_api_server(team: Environment) -> None:
    """Changing requests fail in every way meanwhile. It ends well in time, and there is nothing left to do."""
    names = [f"many-{number}" for number in range(20)]
    declared = team.declare(*(project(name) for name in names))
    faults = Faults(first=3, share=0.1, kinds=(Fault.TOO_MANY, Fault.BROKEN, Fault.DROPPED, Fault.LOST))
    with faulty_api(team.cluster, faults) as api:
        behind = replace(team, kubeconfig=str(api.kubeconfig))
        behind.configure()
        restart = threading.Timer(30, team.cluster.restart_api_server)
        restart.start()
        start = time.monotonic()
        try:
            rows = behind.rows("apply", declared)
        finally:
            seconds = time.monotonic() - start
            restart.join()
        assert {name: row["status"] for name, row in rows.items()} == dict.fromkeys(names, "changed")
        assert seconds < FIVE_MINUTES
        assert len(faults.failed) > len(names), "too few requests failed to show anything"
        faults.share = 0.0
        again = behind.rows("apply", declared)
        assert [row for row in again.values() if row["status"] != "unchanged"] == []
    team.configure()
    running = [team.cluster.items("statefulsets", f"codeopen-{name}") for name in names]
    assert [len(each) for each in running] == [1] * len(names)
