"""``codeopen project list`` and ``codeopen project upgrade``: projects as the cluster has them.

JSON of ``list``: ``projects``: rows of ``project``, ``stack`` (whether it has one of its own), ``state`` (``running``,
``hibernated``, ``none``), ``ready``, ``outdated`` (a newer declaration waits for its pod), ``image``; of ``upgrade``
what ``apply`` prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from codeopen.cli.command import Invocation, Outcome, render_json
from codeopen.cli.project_results import render_results
from codeopen.cli.projects import open_desk
from codeopen.cli.table import render_table, short_digest
from codeopen.errors import ClusterError, NoSuchProjectError, UsageError
from codeopen.model.selection.closest import closest
from codeopen.platform.cluster.workload.deployment import WORKSPACE
from codeopen.platform.projects.apply import Change, Result, Status
from codeopen.platform.projects.workspace import Workspace

if TYPE_CHECKING:
    from codeopen.platform.projects.cluster import ClusterApi

SETTLED_SECONDS: Final = 15.0


def list_all(invocation: Invocation) -> Outcome:
    """Print every project that has a stack of its own or a workload on the cluster."""
    desk = open_desk(invocation)
    stacks, found = set(desk.environment.applied()), desk.cluster.workspaces()
    rows = [_row(name, found.get(name), stack=name in stacks) for name in sorted(stacks | set(found))]
    if invocation.format == "json":
        return Outcome(render_json({"projects": rows}))
    cells = [(row["project"], _words(row), _short(row["image"]), "own" if row["stack"] else "-") for row in rows]
    return Outcome(render_table(("PROJECT", "STATE", "IMAGE", "STACK"), cells) if cells else "no project\n")


def upgrade(invocation: Invocation) -> Outcome:
    """Start pods anew that are older than what is declared: of the projects that are named, or that are due."""
    options = invocation.options
    if bool(options.projects) == options.due:
        raise UsageError("project upgrade: name projects, or give --due")
    api = open_desk(invocation).cluster
    chosen = _chosen(api, options.projects, due=options.due)
    results = [_restart(api, workspace, dry_run=options.dry_run) for workspace in chosen]
    unready = None
    if options.wait and not options.dry_run:
        restarted = [each.project for each in results if each.status is Status.CHANGED]
        unready = api.wait_until(lambda each: each.ready and not each.outdated, restarted, options.timeout)
    failed = any(not each.status.good for each in results) or bool(unready)
    text = render_results(results, unready, dry_run=options.dry_run, as_json=invocation.format == "json")
    return Outcome(text, code=int(failed))


def _chosen(api: ClusterApi, names: Iterable[str], *, due: bool) -> list[Workspace]:
    """The workspaces that are meant. Raises NoSuchProjectError for an unknown one."""
    found = api.workspaces()
    for name in names:
        if name not in found:
            raise NoSuchProjectError(
                f"project {name!r}: the cluster has no workload of that id; {closest(name, found)}"
            )
    chosen = [each for each in found.values() if due or each.project in set(names)]
    if not all(each.settled for each in chosen):
        api.wait_until(lambda each: each.settled, [each.project for each in chosen], SETTLED_SECONDS)
        found = api.workspaces()
        chosen = [found[each.project] for each in chosen if each.project in found]
    if due:
        now = datetime.now(UTC)
        # Only those that may be due are asked for the age of their revision.
        late = (each for each in chosen if each.outdated and each.deadline_hours)
        return [each for each in late if each.due(api.revision_created(each), now)]
    return chosen


def _restart(api: ClusterApi, workspace: Workspace, *, dry_run: bool) -> Result:
    if not workspace.outdated:
        return Result(workspace.project, Status.UNCHANGED)
    try:
        if not dry_run:
            api.delete_pod(workspace)
    except ClusterError as error:
        return Result(workspace.project, Status.FAILED, message=str(error))
    return Result(workspace.project, Status.CHANGED, (Change("restart", "kubernetes:core/v1:Pod", f"{WORKSPACE}-0"),))


def _row(name: str, workspace: Workspace | None, *, stack: bool) -> dict[str, Any]:
    state = "none" if workspace is None else "hibernated" if workspace.hibernated else "running"
    return {
        "project": name,
        "stack": stack,
        "state": state,
        "ready": workspace is not None and workspace.ready,
        "outdated": workspace is not None and workspace.outdated,
        "image": workspace.image if workspace else "",
    }


def _words(row: Mapping[str, Any]) -> str:
    words = [str(row["state"])]
    if row["state"] == "running" and not row["ready"]:
        words.append("not ready")
    if row["outdated"]:
        words.append("an upgrade waits")
    return ", ".join(words)


def _short(image: str) -> str:
    repository, _, digest = image.partition("@")
    return f"{repository.rpartition('/')[2]}@{short_digest(digest)}" if digest else image
