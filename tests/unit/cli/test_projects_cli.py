"""``codeopen project …`` on stand-ins for stacks, plans and a cluster."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from codeopen.cli import projects as cli
from codeopen.cli.main import main
from codeopen.errors import RunFailedError
from codeopen.platform.projects import cluster as cluster_module
from codeopen.platform.projects.project_stacks import Environment
from tests.unit.cli.project_stand_ins import (
    NEW,
    OLD,
    UPDATED,
    Cluster,
    OneStack,
    Plans,
    Platform,
    Stacks,
    deployment,
    platform_state,
    workspace,
)
from tests.unit.trees import write_tree


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stacks:
    config = "config:\n  codeopen:cluster:\n    context: team\n  codeopen:projects:\n"
    config += "  - {id: lamp, tier: starter, flavor: js}\n  - {id: vase, tier: starter, flavor: js, state: removed}\n"
    write_tree(tmp_path, {"stacks/Pulumi.team.yaml": config, "stacks/Pulumi.dev.yaml": "config: {}\n"})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODEOPEN_STACK", "team")
    found = Stacks({"shop": deployment("shop"), "news": deployment("news", state="hibernated", name="News")})
    monkeypatch.setattr(Environment, "stack", lambda _, project, text=None: OneStack(found, project, text))
    monkeypatch.setattr(Environment, "platform", property(lambda _: Platform(found)))
    monkeypatch.setattr(Environment, "applied", lambda _: tuple(sorted(found.states)))
    monkeypatch.setattr(cli, "read_plans", lambda *_: Plans())
    return found


@pytest.fixture
def cluster(stacks: Stacks, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    assert stacks
    made = Cluster(workspace("shop"), workspace("old", outdated=True), workspace("late", outdated=True, hours=8))
    monkeypatch.setattr(cluster_module, "ClusterApi", lambda _: made)
    return made


def call(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> str:
    capsys.readouterr()
    ended = main(("project", *argv))
    told = capsys.readouterr()
    assert ended == code, told
    return told.out or told.err


def test_declared_projects_are_applied_with_the_plans_digests(
    stacks: Stacks, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("p.yaml").write_text("- {id: a, tier: starter, flavor: js}\n- {id: b, tier: enormous, flavor: js}\n")
    words = ("apply", "p.yaml", "--project", "c=builder,js,gui", "--format", "json")
    rows = json.loads(call(capsys, *words, code=1))
    assert [(row["project"], row["status"]) for row in rows["projects"]] == [
        ("a", "changed"),
        ("b", "failed"),
        ("c", "changed"),
    ]
    assert rows["projects"][0]["changes"] == [{"operation": "update", "type": UPDATED.type, "name": "w"}]
    assert "tier 'enormous'" in rows["projects"][1]["message"]
    assert stacks.applied["a"]["planDigest"] == NEW
    assert stacks.applied["c"]["addons"] == ["gui"]
    monkeypatch.setattr("sys.stdin", io.StringIO("- {id: d, tier: starter, flavor: js}\n"))
    call(capsys, "apply", "-", "--dry-run")
    assert stacks.asked[-1] == ("preview", "d")


@pytest.mark.parametrize(
    ("argv", "code", "told"),
    [
        (("apply",), 2, "name a file with projects (- for stdin), or give --project"),
        (("apply", "--project", "a=b,c", "--project", "a=b,c"), 4, "project 'a': declared twice"),
        (("apply", "none.yaml"), 5, "No such file"),
        (("apply", "--project", "a=b,c", "--stack", "dev"), 4, "it has no codeopen:cluster"),
        (("remove", "shop", "--with-data"), 2, "deletes the disks and logins of shop for ever; add --yes"),
        (("upgrade",), 2, "name projects, or give --due"),
        (("upgrade", "shop", "--due"), 2, "name projects, or give --due"),
        (("upgrade", "shoe"), 5, "project 'shoe': the cluster has no workload of that id"),
    ],
)
def test_a_mistake_changes_nothing(
    stacks: Stacks, cluster: Cluster, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], code: int, told: str
) -> None:
    assert told in call(capsys, *argv, code=code)
    assert (stacks.asked, cluster.asked) == ([], [])


def test_hibernation_keeps_everything_but_the_state(
    stacks: Stacks, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No plan is made and no image looked up: the digest is the one that the stack has."""
    monkeypatch.delattr(cli, "read_plans")
    call(capsys, "hibernate", "shop", "news")
    assert {name: (each["state"], each["planDigest"]) for name, each in stacks.applied.items()} == {
        "shop": ("hibernated", OLD),
        "news": ("hibernated", OLD),
    }
    assert stacks.applied["news"]["name"] == "News"


def test_waking_takes_the_newest_image_and_waits_where_asked(
    stacks: Stacks, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    call(capsys, "wake", "news")
    assert (stacks.applied["news"]["state"], stacks.applied["news"]["planDigest"]) == ("running", NEW)
    assert cluster.asked == []
    cluster.unready = {"news": "no node takes it: 0/3 nodes are available"}
    told = call(capsys, "wake", "news", "--wait", "--timeout", "9", code=1)
    assert "news: not ready: no node takes it: 0/3 nodes are available" in told
    assert cluster.asked == ["wait 9 s for news"]


def test_a_project_without_a_stack_is_told_and_stops_no_other(
    stacks: Stacks, capsys: pytest.CaptureFixture[str]
) -> None:
    told = call(capsys, "hibernate", "none", "shop", code=1)
    assert "project 'none': environment team has none of that id" in told
    assert stacks.asked == [("up", "shop")]


def test_removal_spares_the_data_unless_it_is_meant(
    stacks: Stacks, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    call(capsys, "remove", "shop")
    assert (stacks.asked, cluster.asked) == ([("down", "shop")], [])
    call(capsys, "remove", "shop", "--with-data", "--yes")
    assert (stacks.asked[-1], cluster.asked) == (("remove", "shop"), ["delete codeopen-shop"])
    assert "has none of that id" in call(capsys, "remove", "none", code=1)


@pytest.mark.parametrize("command", ["hibernate", "wake", "remove"])
def test_a_listed_project_is_changed_in_its_list(
    stacks: Stacks, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    told = call(capsys, command, "lamp", code=1)
    assert (
        "'lamp': it is one of the list of environment team (codeopen:projects); set `state` there to running," in told
    )
    assert "`codeopen project remove lamp --with-data --yes` deletes its disk and logins" in told
    assert stacks.asked == []


def test_the_data_of_a_listed_project_is_deleted_once_it_is_removed(
    stacks: Stacks, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    stacks.platform = platform_state("lamp", "vase", workload=False)
    told = call(capsys, "remove", "vase", "--with-data", "--yes")
    assert stacks.asked == [("remove", "project-vase project-vase-namespace")]
    assert cluster.asked == ["delete codeopen-vase"]
    assert "take its entry out of codeopen:projects" in told
    assert "one of the list" in call(capsys, "remove", "lamp", "--with-data", "--yes", code=1), "its entry says running"
    stacks.platform = platform_state("vase", workload=True)
    assert "one of the list" in call(capsys, "remove", "vase", "--with-data", "--yes", code=1), "not applied yet"
    assert cluster.asked == ["delete codeopen-vase"]


def test_the_data_of_one_that_left_the_list_is_deleted(
    stacks: Stacks, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    stacks.platform = platform_state("mug", workload=True)
    told = call(capsys, "remove", "mug", "--with-data", "--yes")
    assert stacks.asked == [("remove", "project-mug project-mug-namespace project-mug-statefulset")]
    assert cluster.asked == ["delete codeopen-mug"]
    assert "codeopen:projects" not in told
    stacks.platform = {}
    assert "has none of that id" in call(capsys, "remove", "mug", "--with-data", "--yes", code=1)


def test_one_that_is_removed_can_not_sleep(stacks: Stacks, capsys: pytest.CaptureFixture[str]) -> None:
    """Its stack has no image any more, and none is looked up for that."""
    del stacks.states["shop"]["resources"][1]
    assert "project 'shop': it is removed; `codeopen project wake`" in call(capsys, "hibernate", "shop", code=1)
    assert stacks.asked == []


def test_upgrades_are_for_those_that_run_something_older(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert "would change" in call(capsys, "upgrade", "old", "--dry-run")
    assert cluster.asked == []
    rows = json.loads(call(capsys, "upgrade", "old", "shop", "--wait", "--format", "json"))["projects"]
    assert {row["project"]: row["status"] for row in rows} == {"old": "changed", "shop": "unchanged"}
    assert cluster.asked == ["delete pod of old", "wait 300 s for old"]


def test_those_that_are_due_have_a_deadline_that_has_passed(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.found["later"] = workspace("later", outdated=True, hours=10)
    cluster.found["stuck"] = workspace("stuck", outdated=True, hours=1)
    told = call(capsys, "upgrade", "--due", code=1)
    assert cluster.asked == ["delete pod of late"]
    assert "stuck: pod: the API server says 403 Forbidden" in told
    assert "later" not in told


def test_a_list_has_stacks_and_what_runs(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.found["nap"] = workspace("nap", hibernated=True)
    lines = [" ".join(line.split()) for line in call(capsys, "list").splitlines()]
    assert lines == [
        "PROJECT STATE IMAGE STACK",
        "late running, an upgrade waits codeopen-js@999999999999 -",
        "nap hibernated codeopen-js@999999999999 -",
        "news none own",
        "old running, an upgrade waits codeopen-js@999999999999 -",
        "shop running codeopen-js@999999999999 own",
    ]
    (row,) = [
        row for row in json.loads(call(capsys, "list", "--format", "json"))["projects"] if row["project"] == "old"
    ]
    assert (row["stack"], row["state"], row["ready"], row["outdated"]) == (False, "running", True, True)


def test_open_reads_the_projects_own_stack(stacks: Stacks, capsys: pytest.CaptureFixture[str]) -> None:
    lines = call(capsys, "open", "shop").splitlines()
    assert lines[1].split() == ["opencode", "https://opencode--shop.dev", "codeopen", "secret"]
    stacks.states["shop"]["resources"][0]["outputs"]["project"]["state"] = "removed"
    assert "project 'shop': it is removed" in call(capsys, "open", "shop", code=4)
    stacks.states["shop"]["resources"][0]["outputs"] = {}
    assert "its stack has no workload" in call(capsys, "open", "shop", code=5)


def test_a_run_that_failed_is_told_in_full(stacks: Stacks, capsys: pytest.CaptureFixture[str]) -> None:
    stacks.error = RunFailedError("pulumi up of stack s failed with code 1\nit exists already", ("it exists already",))
    told = call(capsys, "wake", "shop", code=1)
    assert "\nshop: pulumi up of stack s failed with code 1\nit exists already\n" in told
