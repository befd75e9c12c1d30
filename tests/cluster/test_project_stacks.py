"""Projects as stacks of their own on a real control plane: docs/how-to/run-projects-on-kubernetes.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.cluster.project_environment import Environment, project, project_environment
from tests.unit.distribution.real_registry import distribution_3, serving


@pytest.fixture(scope="module")
def team(cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    folder, registry = tmp_path_factory.mktemp("team"), tmp_path_factory.mktemp("registry")
    with serving(distribution_3(), registry) as served, project_environment(folder, cluster, served) as made:
        made.publish(("js",), ("js", "databases"))
        yield made


def test_a_projects_life(team: Environment) -> None:
    """Applied three at once, and unchanged the second time; hibernated, woken, renamed, downgraded, removed."""
    shop, news, mail = project("shop"), project("news", "databases"), project("mail", name="Mail")
    declared = team.declare(shop, news, mail)
    assert team.statuses("apply", declared, "--wait") == dict.fromkeys(("shop", "news", "mail"), "changed")
    assert team.statuses("apply", declared, "--dry-run") == dict.fromkeys(("shop", "news", "mail"), "unchanged")
    claim, namespace = team.uid("shop", "pvc", "home"), team.uid("shop", "namespace", "codeopen-shop")

    # A changed add-on is a change of that project alone.
    changed = team.declare(project("shop", "databases"), news, mail)
    rows = team.rows("apply", changed, "--dry-run")
    assert {name: row["status"] for name, row in rows.items()} == {
        "shop": "changed",
        "news": "unchanged",
        "mail": "unchanged",
    }
    assert {
        "operation": "update",
        "type": "kubernetes:apps/v1:StatefulSet",
        "name": "project-shop-statefulset-workspace",
    } in (rows["shop"]["changes"])

    # What is asleep has no pod, and keeps its claim.
    assert team.statuses("hibernate", "shop") == {"shop": "changed"}
    team.cluster.wait_for("no pod", lambda: not team.pods("shop"))
    assert team.statuses("hibernate", "shop") == {"shop": "unchanged"}
    assert team.rows("wake", "shop", "--wait")["shop"]["ready"] == ""
    assert len(team.pods("shop")) == 1

    # A new name is an annotation; a smaller tier keeps the disk.
    renamed = team.declare({**shop, "name": "The shop", "tier": "builder"})
    assert team.statuses("apply", renamed) == {"shop": "changed"}
    smaller = team.rows("apply", team.declare({**shop, "name": "The shop"}))["shop"]
    assert any("a volume never shrinks" in warning for warning in smaller["warnings"]), smaller
    assert (team.uid("shop", "pvc", "home"), team.uid("shop", "namespace", "codeopen-shop")) == (claim, namespace)

    assert team.statuses("remove", "shop") == {"shop": "changed"}
    assert (team.uid("shop", "pvc", "home"), team.uid("shop", "namespace", "codeopen-shop")) == (claim, namespace)
    assert team.cluster.items("statefulsets", "codeopen-shop") == []
    assert team.statuses("apply", declared) == {"shop": "changed", "news": "unchanged", "mail": "unchanged"}
    assert team.uid("shop", "pvc", "home") == claim
