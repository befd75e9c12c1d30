"""What the cluster's objects say of a project: whether it runs, whether it is outdated, since when, and why not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from codeopen.platform.projects.workspace import Workspace, why_not_ready, workspaces

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
READY = [{"type": "Ready", "status": "True"}]


def stateful_set(**more: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"replicas": 1, "hours": "8", "revision": "new", "generation": 3, "observed": 3, **more}
    return {
        "metadata": {
            "name": "workspace",
            "namespace": "codeopen-shop",
            "labels": {"codeopen.dev/project": "shop"},
            "annotations": {"codeopen.dev/upgrade-after-hours": values["hours"]},
            "generation": values["generation"],
        },
        "spec": {"replicas": values["replicas"], "template": {"spec": {"containers": [{"image": "i@sha256:1"}]}}},
        "status": {"updateRevision": values["revision"], "observedGeneration": values["observed"]},
    }


def pod(revision: str = "new", *, ending: bool = False, **status: Any) -> dict[str, Any]:
    metadata = {"name": "workspace-0", "namespace": "codeopen-shop", "uid": "u"}
    labels = {"controller-revision-hash": revision, "codeopen.dev/project": "shop"}
    end = {"deletionTimestamp": "2026-11-24T12:00:00Z"} if ending else {}
    return {"metadata": {**metadata, "labels": labels, **end}, "status": {"conditions": READY, **status}}


def one(each: dict[str, Any], *pods: dict[str, Any]) -> Workspace:
    (found,) = workspaces([each], pods).values()
    return found


def test_a_workspace_is_what_its_set_and_its_pod_say() -> None:
    elsewhere = {**pod(), "metadata": {**pod()["metadata"], "namespace": "codeopen-news"}}
    stranger = {**pod(), "metadata": {**pod()["metadata"], "name": "debug"}}
    found = one(stateful_set(), elsewhere, stranger, pod())
    assert (found.project, found.image, found.ready, found.outdated, found.settled) == (
        "shop",
        "i@sha256:1",
        True,
        False,
        True,
    )
    assert one(stateful_set(replicas=0)).hibernated
    assert not one(stateful_set(observed=2)).settled
    assert not one(stateful_set(), stranger).ready


def test_a_pod_that_ends_is_neither_ready_nor_outdated() -> None:
    found = one(stateful_set(), pod("old", ending=True))
    assert (found.ready, found.outdated) == (False, False)


@pytest.mark.parametrize(
    ("hours", "age", "revision", "due"),
    [
        ("8", timedelta(hours=8), "old", True),
        ("8", timedelta(hours=8, seconds=-1), "old", False),
        ("8", timedelta(days=30), "new", False),
        ("0", timedelta(days=30), "old", False),
        ("soon", timedelta(days=30), "old", False),
    ],
)
def test_a_workspace_is_due_once_a_newer_revision_waited_for_long_enough(
    hours: str, age: timedelta, revision: str, *, due: bool
) -> None:
    assert one(stateful_set(hours=hours), pod(revision)).due(NOW - age, NOW) is due


def test_a_hibernated_one_is_never_due() -> None:
    assert not one(stateful_set(replicas=0)).due(NOW - timedelta(days=9), NOW)


def warning(reason: str, message: str, minute: int, kind: str = "Warning") -> dict[str, Any]:
    return {"type": kind, "reason": reason, "message": message, "lastTimestamp": f"2026-11-24T11:{minute:02}:00Z"}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"conditions": [], "containerStatuses": [{"state": {"waiting": {"reason": reason, "message": message}}}]}


UNSCHEDULED = [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available: 3 Insufficient cpu."}]


@pytest.mark.parametrize(
    ("status", "events", "reason"),
    [
        ({"conditions": UNSCHEDULED}, [], "no node takes it: 0/3 nodes are available: 3 Insufficient cpu."),
        (waiting("ImagePullBackOff", "Back-off pulling"), [], "ImagePullBackOff: Back-off pulling"),
        (waiting("ErrImagePull"), [warning("Failed", "no  such\nimage", 1)], "ErrImagePull: Failed: no such image"),
        (waiting("ContainerCreating"), [], "its pod is Pending, not ready"),
        (
            {"phase": "Running", "conditions": []},
            [
                warning("Unhealthy", "old", 1),
                warning("Unhealthy", "startup probe failed", 2),
                warning("X", "y", 3, "Normal"),
            ],
            "its pod is Running, not ready; Unhealthy: startup probe failed",
        ),
    ],
)
def test_why_a_pod_is_not_ready(status: dict[str, Any], events: list[dict[str, Any]], reason: str) -> None:
    assert why_not_ready(one(stateful_set(), pod(**{"conditions": [], **status})), events) == reason


def test_why_there_is_no_pod() -> None:
    assert why_not_ready(one(stateful_set(replicas=0)), []) == "it is hibernated"
    assert why_not_ready(one(stateful_set()), []) == "it has no pod yet"
    refused = warning("FailedCreate", "exceeded quota: workspace", 1)
    assert why_not_ready(one(stateful_set()), [refused]) == "it has no pod; FailedCreate: exceeded quota: workspace"
