"""Many tasks at once, with scripted runs in the place of the Pulumi CLI."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator

import pytest

from codeopen.errors import DeployError, ProjectError, RunFailedError, StackInUseError
from codeopen.platform.deploy.events import Event
from codeopen.platform.deploy.pulumi_cli import Watch
from codeopen.platform.projects import apply
from codeopen.platform.projects.apply import Change, Progress, Result, Status, Task, Work, changes_of, cores, run_all

AWAY = RunFailedError("pulumi up failed", ("no API server answers at https://c:6443", "update failed"))
BROKEN = RunFailedError("pulumi up failed", ("it exists already",))


def event(operation: str, kind: str = "kubernetes:core/v1:Service", name: str = "s") -> Event:
    return Event(operation, kind, name, 1, built=False, failed=False)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "_PAUSES", (0.01, 0.01))


def script(*steps: Exception | list[Event]) -> tuple[Work, list[int]]:
    """A work that goes as scripted, and the numbers of its tries."""
    left: list[Exception | list[Event]] = list(steps)
    tries: list[int] = []

    def work(_: Watch, number: int) -> Iterable[Event]:
        tries.append(number)
        step = left.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    return work, tries


def run(*works: Work, parallel: int = 2) -> list[Result]:
    return list(run_all([Task(f"p{number}", work) for number, work in enumerate(works)], parallel, Progress()))


def test_each_project_has_a_result_of_its_own() -> None:
    created = [event("create"), event("create", "pulumi:pulumi:Stack"), event("same")]
    failures = [BROKEN, StackInUseError("in use"), ProjectError("no"), DeployError("d"), OSError(5)]
    results = run(script(created)[0], script([event("same")])[0], *(script(failure)[0] for failure in failures))
    assert [each.project for each in results] == [f"p{number}" for number in range(7)]
    assert [each.status for each in results] == [
        Status.CHANGED,
        Status.UNCHANGED,
        Status.FAILED,
        Status.IN_USE,
        *[Status.FAILED] * 3,
    ]
    assert results[0].changes == (Change("create", "kubernetes:core/v1:Service", "s"),)
    assert results[2].message == "pulumi up failed"
    assert [each.status.good for each in results] == [True, True, False, False, False, False, False]


def test_what_passes_is_tried_again_and_told_that_it_broke_off() -> None:
    work, tries = script(AWAY, AWAY, [event("create")])
    (result,) = run(work)
    assert (result.status, result.tries, tries) == (Status.CHANGED, 3, [1, 2, 3])


def test_tries_are_bounded() -> None:
    work, tries = script(*[AWAY] * 9)
    (result,) = run(work)
    assert (result.status, len(tries)) == (Status.FAILED, 3)


def test_what_stays_wrong_is_tried_once() -> None:
    work, tries = script(BROKEN, [event("create")])
    assert (run(work)[0].status, tries) == (Status.FAILED, [1])


def test_a_try_waits_until_the_cluster_answers() -> None:
    order: list[str] = []

    def work(_: Watch, number: int) -> Iterable[Event]:
        order.append("again" if number > 1 else "first")
        if number == 1:
            raise AWAY
        return []

    run_all([Task("p", work)], 1, Progress(), lambda: order.append("answers"))
    assert order == ["first", "answers", "again"]


def test_warnings_are_kept_each_once() -> None:
    def work(watch: Watch, _: int) -> Iterable[Event]:
        for text in ("the disk stays", "the disk stays", "other"):
            watch.warning(text)
        return []

    assert run(work)[0].warnings == ("the disk stays", "other")


@pytest.mark.parametrize("parallel", [1, 3])
def test_no_more_than_so_many_run_at_once(parallel: int) -> None:
    lock, running, most = threading.Lock(), 0, 0

    def work(_: Watch, __: int) -> Iterable[Event]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return []

    assert len(run(*[work] * 12, parallel=parallel)) == 12
    assert most == parallel


def interrupt_when(begun: threading.Event) -> threading.Thread:
    def press() -> None:
        begun.wait(10)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


def test_ctrl_c_lets_those_under_way_finish_and_begins_no_more() -> None:
    begun = threading.Event()
    rest: list[int] = []

    def long(_: Watch, __: int) -> Iterable[Event]:
        begun.set()
        time.sleep(1)
        return [event("create")]

    def never(_: Watch, __: int) -> Iterable[Event]:
        rest.append(1)
        return []

    presser = interrupt_when(begun)
    results = run(long, never, never, parallel=1)
    presser.join()
    assert [each.status for each in results] == [Status.CHANGED, Status.NOT_STARTED, Status.NOT_STARTED]
    assert rest == []


def test_a_second_ctrl_c_cancels_them() -> None:
    begun, again = threading.Event(), threading.Event()

    def long(watch: Watch, _: int) -> Iterable[Event]:
        begun.set()
        deadline = time.monotonic() + 10
        while not watch.stopped():
            assert time.monotonic() < deadline
            time.sleep(0.05)
            again.set()
        raise DeployError("interrupted")

    pressers = [interrupt_when(begun)]

    def second() -> None:
        again.wait(10)
        time.sleep(0.8)
        os.kill(os.getpid(), signal.SIGINT)

    pressers.append(threading.Thread(target=second))
    pressers[1].start()
    (result,) = run(long, parallel=1)
    for presser in pressers:
        presser.join()
    assert (result.status, result.message) == (Status.FAILED, "interrupted")


def test_an_interrupted_try_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "_PAUSES", (5.0, 5.0))
    begun = threading.Event()

    def work(_: Watch, __: int) -> Iterable[Event]:
        begun.set()
        raise AWAY

    start = time.monotonic()
    presser = interrupt_when(begun)
    (result,) = run(work)
    presser.join()
    assert (result.status, result.tries) == (Status.FAILED, 1)
    assert time.monotonic() - start < 4


def test_a_replacement_is_one_change_and_groups_are_none() -> None:
    events = [
        event("delete-replaced"),
        event("replace"),
        event("create-replacement"),
        event("update", name="b"),
        event("read", name="c"),
        event("create", "codeopen:kubernetes:ProjectStack"),
    ]
    kind = "kubernetes:core/v1:Service"
    assert changes_of(events) == (Change("replace", kind, "s"), Change("update", kind, "b"))


def test_progress_is_told_of_begin_and_end() -> None:
    class Notes(Progress):
        told: list[str]

        def __init__(self) -> None:
            self.told = []

        def begun(self, project: str) -> None:
            self.told.append(f"begun {project}")

        def ended(self, result: Result) -> None:
            self.told.append(f"ended {result.project} {result.status}")

        def note(self, project: str, text: str) -> None:
            self.told.append(f"{project}: {text}")

    notes = Notes()
    run_all([Task("p", script(AWAY, [])[0])], 1, notes)
    again = "p: tried again, since this may pass: no API server answers at https://c:6443"
    assert notes.told == ["begun p", again, "ended p unchanged"]


def test_the_default_is_one_a_core() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)


@pytest.fixture(autouse=True)
def own_interrupts() -> Iterator[None]:
    """Under a runner that ignores SIGINT, ctrl-C would do nothing."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
