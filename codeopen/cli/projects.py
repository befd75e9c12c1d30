"""``codeopen project apply|hibernate|wake|remove``: what changes projects' stacks on a Kubernetes environment.

JSON: ``dry_run``, ``projects``: rows of ``project``, ``status`` (``changed``, ``unchanged``, ``failed``, ``in-use``,
``not-started``), ``changes`` (rows of ``operation``, ``type``, ``name``), ``warnings``, ``message``, ``seconds``,
``tries``; with ``--wait`` a ``ready`` each, whose text is empty or says why not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from codeopen.cli.checkout import checkout_of
from codeopen.cli.command import Invocation, Outcome
from codeopen.cli.exit_codes import INTERRUPTED
from codeopen.cli.project_results import ProjectProgress, render_results
from codeopen.errors import NoSuchProjectError, NoSuchStackError, ProjectError, UsageError
from codeopen.model.plan.projects import Project, State
from codeopen.platform.cluster.workload.deployment import namespace_of
from codeopen.platform.deploy.events import Event
from codeopen.platform.deploy.stack import Stack, Watch
from codeopen.platform.projects.apply import Halt, Task, Work, cores, run_all
from codeopen.platform.projects.declared import parse_selection, read_declared, refuse_twins
from codeopen.platform.projects.last import Last, read_last
from codeopen.platform.projects.listed import read_held
from codeopen.platform.projects.planning import ImagePlans, read_plans
from codeopen.platform.projects.project_stacks import Environment, read_environment, stack_name

if TYPE_CHECKING:
    from codeopen.platform.projects.cluster import ClusterApi

NAMESPACE_SECONDS: Final = 300.0


@dataclass
class Desk:
    """What a command on an environment's projects works with; plans and cluster only where they are needed."""

    options: argparse.Namespace
    environment: Environment

    @cached_property
    def plans(self) -> ImagePlans:
        return read_plans(self.environment.checkout, self.environment.name)

    @cached_property
    def cluster(self) -> ClusterApi:
        # Its client takes a second to import.
        from codeopen.platform.projects.cluster import ClusterApi  # noqa: PLC0415

        return ClusterApi(self.environment.cluster)

    def apply(self, project: Project, plan_digest: str, watch: Watch, *, adopt: bool) -> tuple[Event, ...]:
        """Apply one project's stack, or say what would change."""
        stack = self.environment.stack(project.id, self.environment.configuration(project, plan_digest))
        return stack.up(watch, preview=self.options.dry_run, adopt=adopt)

    def find(self, project_id: str) -> tuple[Stack, Mapping[str, Any]]:
        """A project's stack and its state. Raises ProjectError where there is none."""
        stack = self.environment.stack(project_id)
        try:
            return stack, stack.state()
        except NoSuchStackError:
            raise self._without_stack(project_id) from None

    def delete_listed(self, project_id: str, watch: Watch) -> tuple[Event, ...]:
        """Delete all that a project of the environment's own list has, once it is removed or no longer listed.

        Raises ProjectError for any other.
        """
        platform, entry = self.environment.platform, self.environment.listed.get(project_id)
        held = read_held(platform.state()).get(project_id)
        if held is None or (entry and (held.workload or entry.state is not State.REMOVED)):
            raise self._without_stack(project_id)
        namespace = namespace_of(project_id)
        events = platform.remove_resources(
            held.urns, watch, lambda: self.cluster.delete_namespace(namespace, NAMESPACE_SECONDS)
        )
        if entry:
            watch.warning("take its entry out of codeopen:projects: the next `codeopen up` would make it anew, empty")
        return events

    def _without_stack(self, project_id: str) -> ProjectError:
        name = self.environment.name
        if project_id in self.environment.listed:
            return ProjectError(
                f"project {project_id!r}: it is one of the list of environment {name} (codeopen:projects); set `state` "
                "there to running, hibernated or removed, and run `codeopen up`; after `state: removed`, "
                f"`codeopen project remove {project_id} --with-data --yes` deletes its disk and logins"
            )
        known = f"project {project_id!r}: environment {name} has none of that id with a stack"
        return NoSuchProjectError(f"{known}; `codeopen project list` names them all")


def open_desk(invocation: Invocation) -> Desk:
    """The desk for the environment that the options name."""
    checkout = checkout_of(invocation.catalog).resolve()
    return Desk(invocation.options, read_environment(checkout, invocation.options.stack))


def apply(invocation: Invocation) -> Outcome:
    """Apply what is declared, each project to its own stack."""
    desk = open_desk(invocation)
    projects = refuse_twins(_declared(invocation.options))
    for project in projects:
        stack_name(desk.environment.name, project.id)
    tasks = [Task(project.id, _applying(desk, project)) for project in projects]
    awake = [project.id for project in projects if project.runs]
    return _run(invocation, desk, tasks, awake)


def hibernate(invocation: Invocation) -> Outcome:
    """End projects' pods; all else stays as it is, and no image is looked up."""

    def sleep(last: Last) -> tuple[Project, str]:
        if not (last.plan_digest or last.project.image):
            raise ProjectError(f"project {last.project.id!r}: it is removed; `codeopen project wake` brings it back")
        return replace(last.project, state=State.HIBERNATED), last.plan_digest

    desk = open_desk(invocation)
    return _run(invocation, desk, _again(desk, invocation.options.projects, sleep), ())


def wake(invocation: Invocation) -> Outcome:
    """Start projects' pods, with the newest images of their selections."""
    desk = open_desk(invocation)
    plans = desk.plans

    def rise(last: Last) -> tuple[Project, str]:
        project = replace(last.project, state=State.RUNNING)
        return project, plans.digest(project)

    projects = invocation.options.projects
    return _run(invocation, desk, _again(desk, projects, rise), projects)


def remove(invocation: Invocation) -> Outcome:
    """Remove projects' workloads; with ``--with-data`` all that they have, and their stacks."""
    options = invocation.options
    if options.with_data and not options.yes:
        names = ", ".join(options.projects)
        raise UsageError(f"--with-data deletes the disks and logins of {names} for ever; add --yes if you mean it")
    desk = open_desk(invocation)
    listed = Lock()
    tasks = [Task(project, _removing(desk, project, listed)) for project in dict.fromkeys(options.projects)]
    return _run(invocation, desk, tasks, ())


def _declared(options: argparse.Namespace) -> Iterable[Project]:
    if not options.file and not options.project:
        raise UsageError("project apply: name a file with projects (- for stdin), or give --project")
    if options.file == "-":
        yield from read_declared(sys.stdin.read(), "stdin")
    elif options.file:
        yield from read_declared(Path(options.file).read_text(encoding="utf-8"), options.file)
    yield from map(parse_selection, options.project)


def _applying(desk: Desk, project: Project) -> Work:
    plans = desk.plans

    def work(watch: Watch, tries: int) -> Iterable[Event]:
        return desk.apply(project, plans.digest(project), watch, adopt=tries > 1)

    return work


def _again(desk: Desk, projects: Sequence[str], change: Callable[[Last], tuple[Project, str]]) -> list[Task]:
    """Apply projects as they were declared, but for what ``change`` changes."""

    def task(project_id: str) -> Task:
        def work(watch: Watch, tries: int) -> Iterable[Event]:
            state = desk.find(project_id)[1]
            return desk.apply(*change(read_last(state, project_id)), watch, adopt=tries > 1)

        return Task(project_id, work)

    return [task(project) for project in dict.fromkeys(projects)]


def _removing(desk: Desk, project_id: str, listed: Lock) -> Work:
    """``listed`` is held while the environment's own stack is at work: all projects of its list are in that one."""
    with_data = desk.options.with_data
    cluster = desk.cluster if with_data else None

    def work(watch: Watch, _: int) -> Iterable[Event]:
        try:
            stack = desk.find(project_id)[0]
        except ProjectError:
            if cluster is None:
                raise
            with listed:
                return desk.delete_listed(project_id, watch)
        if cluster is None:
            return stack.down(watch)
        # Its namespace outlives the stack, whatever removes that.
        return stack.remove(watch, lambda: cluster.delete_namespace(namespace_of(project_id), NAMESPACE_SECONDS))

    return work


def _run(invocation: Invocation, desk: Desk, tasks: Sequence[Task], awake: Sequence[str]) -> Outcome:
    """Do it all, wait for the pods where that was asked for, and tell what came of it."""
    options, halt = invocation.options, Halt()
    progress = ProjectProgress(len(tasks))

    def until_reachable() -> None:
        desk.cluster.wait_reachable()

    dry_run = getattr(options, "dry_run", False)
    results = run_all(tasks, options.parallel or cores(), progress, until_reachable, halt)
    progress.close()
    unready = None
    if getattr(options, "wait", False) and not dry_run and not halt.no_more.is_set():
        good = {result.project for result in results if result.status.good}
        waited = [project for project in awake if project in good]
        unready = desk.cluster.wait_until(lambda each: each.ready, waited, options.timeout)
    failed = any(not result.status.good for result in results) or bool(unready)
    text = render_results(results, unready, dry_run=dry_run, as_json=invocation.format == "json")
    return Outcome(text, code=INTERRUPTED if halt.no_more.is_set() else int(failed))
