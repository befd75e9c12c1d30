"""Locks as Lease objects of a real API server. Processes that stand in for other hosts have clocks of their own."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.config import incluster_config

from codeopen.images.locks import lease_api
from codeopen.images.locks.lease_lock import LEASE_TIMING, LeaseLocks
from codeopen.images.locks.lease_state import read_lease
from codeopen.images.locks.lock import Lease, LeaseLostError, LockError, Process, Timing, key_digest
from codeopen.platform.cluster.objects import fill
from tests.cluster.certificates import write_kubeconfig
from tests.cluster.control_plane import ControlPlane, control_plane
from tests.cluster.faulty_api import Fault, Faults, faulty_api
from tests.cluster.lock_rights import lock_rights
from tests.cluster.manifests import namespace
from tests.live import ROOT
from tests.unit.images.locks.lock_contract import (
    KEY,
    LONG,
    SHORT,
    LockContract,
    Opening,
    Start,
    held,
    numbers,
    start,
    write,
)
from tests.unit.images.locks.stand_in_holder import acquire, open_locks

__all__ = ["start"]

PAGE = ROOT / "docs" / "how-to" / "have-a-combination-made.md"
NAME = f"codeopen-build-{key_digest(KEY)}"
NAMESPACES = itertools.count()
FEW = (0.0, 0.05)
DOWN = 4.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One of its own: after an API server that was away for seconds, controllers may wait a minute before they ask."""
    with control_plane(tmp_path_factory.mktemp("locks")) as started:
        yield started


@pytest.fixture
def opening(cluster: ControlPlane) -> Opening:
    """A namespace of its own for each test."""
    name = f"locks-{next(NAMESPACES)}"
    cluster.apply(namespace(name))
    return {"kubeconfig": str(cluster.kubeconfig), "namespace": name, "lease": LONG}


@pytest.fixture
def locks(opening: Opening) -> LeaseLocks:
    return LeaseLocks(opening["namespace"], kubeconfig=opening["kubeconfig"])


def lease_object(cluster: ControlPlane, opening: Opening) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get("leases.coordination.k8s.io", NAME, namespace=opening["namespace"])
    return found


def patch(cluster: ControlPlane, opening: Opening, change: dict[str, Any]) -> None:
    words = ["--namespace", opening["namespace"], "--type=merge", "--patch", json.dumps(change)]
    cluster.kubectl("patch", "leases.coordination.k8s.io", NAME, *words)


def soon(ready: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class TestLeaseLocks(LockContract):
    @pytest.fixture(autouse=True)
    def _known(self, cluster: ControlPlane) -> None:
        self.cluster = cluster

    def count_stored(self, opening: Opening) -> int:
        return len(read_lease(lease_object(self.cluster, opening), "").lines)

    def test_the_last_1000_events_are_kept(self, opening: Opening) -> None:
        """As of all locks, but many are written together a moment later, and never as often as they come."""
        locks = open_locks(opening)
        lease = held(locks)
        before = self._written(opening)
        began = time.monotonic()
        for number in range(2_050):
            lease.record({"n": number, "text": f"{number} of the log of a build " * 4})
        soon(lambda: numbers(locks, 2_049) == [2_050])
        assert numbers(locks) == list(range(1_051, 2_051))
        assert self.count_stored(opening) == 1_000
        assert len(json.dumps(lease_object(self.cluster, opening))) < 64 * 1024
        assert self._written(opening) - before < 120 + 5 * (time.monotonic() - began)
        lease.succeed()
        assert numbers(locks, 1_999) == list(range(2_000, 2_051))

    def _written(self, opening: Opening) -> int:
        """How often anything in this cluster was written: nobody else writes much meanwhile."""
        return int(lease_object(self.cluster, opening)["metadata"]["resourceVersion"])


# --- many hosts -------------------------------------------------------------------------------------------------


class Making:
    """Processes that ask for the same thing."""

    def __init__(self, opening: Opening, folder: Path) -> None:
        self.order = {**opening, "folder": str(folder), "threads": 1, "seconds": 1.0, "together": False}
        self.folder = folder
        self.running: list[subprocess.Popen[str]] = []

    def start(self, **changes: Any) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "tests.cluster.making", json.dumps({**self.order, **changes})]
        self.running.append(subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True))
        return self.running[-1]

    @staticmethod
    def rows(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
        output, _ = process.communicate(timeout=100)
        rows: list[dict[str, Any]] = json.loads(output.splitlines()[-1])
        return rows

    @property
    def makers(self) -> int:
        return len((self.folder / "makers").read_text().splitlines())


@pytest.fixture
def making(opening: Opening, tmp_path: Path) -> Iterator[Making]:
    made = Making(opening, tmp_path)
    yield made
    for process in made.running:
        process.kill()
        with process:
            pass


def test_two_hundred_callers_of_eight_hosts_make_it_once_and_all_see_how(making: Making) -> None:
    # It takes longer than 200 first requests at once, on a machine that does something else as well.
    running = [making.start(threads=25, seconds=12, together=True) for _ in range(8)]
    soon(lambda: len(list(making.folder.glob("ready-*"))) == len(running), 60)
    (making.folder / "go").touch()
    rows = [row for process in running for row in making.rows(process)]
    assert len(rows) == 200
    assert {row.get("error") for row in rows} == {None}
    assert making.makers == 1
    assert sorted({row["how"] for row in rows}) == ["awaited", "made"]
    assert sum(row["how"] == "made" for row in rows) == 1
    whole = [*(f"step {number}" for number in range(5)), "the thing"]
    # Who looks between the last step and its event ends there; who comes after it finds the thing.
    assert all(row["events"] == whole[: len(row["events"])] for row in rows)
    assert sum(len(row["events"]) >= 5 for row in rows) > 100
    assert sum(len(row["events"]) == 0 for row in rows) < 50


def test_a_host_that_dies_is_taken_over_within_15_seconds(making: Making) -> None:
    dying, waiting = making.start(seconds=60), None
    assert dying.stdout is not None
    assert dying.stdout.readline() == '"making"\n'
    waiting = making.start(threads=5)
    time.sleep(LEASE_TIMING.lease_seconds + 2)  # alive, it keeps it
    assert making.makers == 1
    dying.kill()
    died = time.monotonic()
    assert waiting.stdout is not None
    assert waiting.stdout.readline() == '"making"\n'
    seconds = time.monotonic() - died
    assert LEASE_TIMING.lease_seconds / 2 < seconds < 15
    rows = making.rows(waiting)
    assert sorted(row["how"] for row in rows) == ["awaited"] * 4 + ["made"]
    assert making.makers == 2


def test_a_host_that_slept_past_its_lease_writes_nothing(opening: Opening, start: Start) -> None:
    opening |= {"lease": SHORT}
    other, locks = start(opening | {"elsewhere": True}), open_locks(opening)
    token = other.do("acquire", 5)
    other.do("stop_renewing")
    other.signal(signal.SIGSTOP)
    lease = acquire(locks, KEY, 4 * SHORT)
    assert lease.token > token
    write(lease)
    other.signal(signal.SIGCONT)
    assert other.do("enter")[0] == "LeaseLostError"
    assert other.do("record", {"of": "the old"})[0] == "LeaseLostError"
    assert other.do("succeed") is None
    assert locks.try_acquire(KEY) is None
    write(lease)
    lease.succeed()


def test_a_host_that_slept_inside_a_guard_finds_out_at_its_end(opening: Opening, start: Start) -> None:
    opening |= {"lease": SHORT}
    other, locks = start(opening | {"elsewhere": True}), open_locks(opening)
    other.do("acquire", 5)
    other.do("enter")
    end = time.monotonic() + 2 * SHORT
    while time.monotonic() < end:  # awake, it keeps it
        assert locks.try_acquire(KEY) is None
    other.do("stop_renewing")
    other.signal(signal.SIGSTOP)
    lease = acquire(locks, KEY, 4 * SHORT)
    other.signal(signal.SIGCONT)
    assert other.do("leave")[0] == "LeaseLostError"
    assert other.do("write")[0] == "LeaseLostError"
    write(lease)
    lease.succeed()


def test_a_failure_of_another_host_backs_off_by_no_clock_of_its_own(opening: Opening, start: Start) -> None:
    opening |= {"first_backoff": 3, "longest_backoff": 3}
    other, locks = start(opening | {"elsewhere": True}), open_locks(opening)
    other.do("acquire", 5)
    other.do("fail", "no space left")
    failure = locks.failure(KEY)
    assert failure is not None
    assert (failure.message, failure.attempts) == ("no space left", 1)
    assert 0.5 < failure.seconds_left <= 3
    assert locks.try_acquire(KEY) is None
    acquire(locks, KEY, 6).succeed()


# --- outages ----------------------------------------------------------------------------------------------------


def test_an_api_server_that_is_down_for_longer_than_a_lease_costs_nobody_the_lock(
    cluster: ControlPlane, opening: Opening
) -> None:
    words = (opening["namespace"], Timing(DOWN))
    locks, waiting = (LeaseLocks(*words, kubeconfig=opening["kubeconfig"]) for _ in range(2))
    lease = held(locks)
    lease.record({"a": 1})
    assert waiting.try_acquire(KEY) is None
    cluster.programs.running["kube-apiserver"].end()
    down = time.monotonic()
    while time.monotonic() < down + DOWN:
        lease.record({"seconds": time.monotonic() - down})  # the build goes on
        time.sleep(0.2)
    cluster.restart_api_server()
    up = time.monotonic()
    while time.monotonic() < up + DOWN / 2:
        assert waiting.try_acquire(KEY) is None
    write(lease)
    assert len(numbers(waiting)) > 5
    lease.succeed()
    held(waiting).succeed()


def test_who_is_cut_off_for_longer_than_its_lease_loses_it_and_hears_so(
    cluster: ControlPlane, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = Faults(kinds=(Fault.DROPPED,))
    with faulty_api(cluster, faults, "cut-off") as api:
        timing = Timing(SHORT)
        cut_off = LeaseLocks(opening["namespace"], timing, FEW, str(api.kubeconfig))
        locks = LeaseLocks(opening["namespace"], timing, kubeconfig=opening["kubeconfig"])
        with monkeypatch.context() as elsewhere:
            there = Process.current()._replace(host="another")
            elsewhere.setattr(Process, "current", staticmethod(lambda: there))
            lease = held(cut_off)
        with lease.guard():
            faults.first = 1_000_000
        # Its lease lasted at the end of the guard, though that could not be said.
        with pytest.raises(LockError, match="taking the guard: it doesn't answer"):
            write(lease)
        faults.first = 0
        with pytest.raises(LeaseLostError, match="didn't answer for longer than its lease"):
            write_slowly(lease, faults)
        lease.record({"nobody": "sees it"})
        time.sleep(SHORT)
        second = acquire(locks, KEY, 5 * SHORT)
        faults.first = 0
        with pytest.raises(LeaseLostError, match="run it again"):
            write(lease)
        assert numbers(locks) == []
        write(second)
        second.succeed()


def write_slowly(lease: Lease, faults: Faults) -> None:
    with lease.guard():
        faults.first = 1_000_000
        time.sleep(1.2 * SHORT)


def test_answers_that_get_lost_change_nothing(cluster: ControlPlane, opening: Opening) -> None:
    with faulty_api(cluster, Faults(share=0.5), "half") as api:
        locks = LeaseLocks(opening["namespace"], kubeconfig=str(api.kubeconfig))
        lease = acquire(locks, KEY, 30)
        for number in range(8):
            lease.record({"n": number})
            write(lease)
        lease.fail("for the third")
        failure = locks.failure(KEY)
        assert failure is not None
        assert failure.attempts == 1
        assert len(api.faults.failed) > 8
    assert numbers(open_locks(opening)) == list(range(1, 9))


@pytest.mark.parametrize("fault", Fault)
def test_a_lock_that_is_taken_with_a_fault_is_held(cluster: ControlPlane, opening: Opening, fault: Fault) -> None:
    with faulty_api(cluster, Faults(first=1, kinds=(fault,)), f"first-{fault}") as api:
        lease = held(LeaseLocks(opening["namespace"], kubeconfig=str(api.kubeconfig)))
        assert api.faults.failed == [fault]
        write(lease)
        lease.succeed()


def test_an_outage_is_one_error_of_place_and_step(cluster: ControlPlane, opening: Opening) -> None:
    locks = LeaseLocks(opening["namespace"], pauses=FEW, kubeconfig=opening["kubeconfig"])
    lease = held(locks)
    cluster.programs.running["kube-apiserver"].end()
    calls: dict[str, Callable[[], object]] = {
        "taking the lock": lambda: locks.try_acquire("other"),
        "taking the guard": lambda: write(lease),
        "reading the events": lambda: locks.follow(KEY, 0),
        "reading the last failure": lambda: locks.failure(KEY),
        "giving the lock back": lease.succeed,
    }
    try:
        for step, call in calls.items():
            with pytest.raises(LockError) as caught:
                call()
            place = f"Kubernetes at {cluster.url}, namespace {opening['namespace']}"
            assert str(caught.value).startswith(f"{place}: {step}: it doesn't answer")
            assert cluster.token not in str(caught.value)
    finally:
        cluster.restart_api_server()


# --- rights, and what hands do ----------------------------------------------------------------------------------


def account(cluster: ControlPlane, where: str, name: str) -> Path:
    """The kubeconfig of a new service account."""
    cluster.kubectl("create", "serviceaccount", name, "--namespace", where)
    token = cluster.kubectl("create", "token", name, "--namespace", where).strip()
    write_kubeconfig(cluster.folder / f"{where}-{name}.kubeconfig", cluster.url, cluster.certificate, token)
    return cluster.folder / f"{where}-{name}.kubeconfig"


def test_the_role_is_enough_and_its_lack_is_named(cluster: ControlPlane, opening: Opening) -> None:
    where = opening["namespace"]
    kubeconfig = str(account(cluster, where, "builder"))
    locks = LeaseLocks(where, kubeconfig=kubeconfig)
    with pytest.raises(LockError, match=r'may not get leases.*User "system:serviceaccount:.*:builder" cannot get'):
        locks.try_acquire(KEY)
    rights = [fill(each.manifest, str) for each in lock_rights(where, "builder")]
    some = [{**rights[0], "rules": [{**rights[0]["rules"][0], "verbs": ["get"]}]}, rights[1]]
    cluster.apply(*some)
    soon(lambda: "may not create leases" in error_of(lambda: locks.try_acquire(KEY)))
    cluster.apply(*rights)
    use_soon(locks)
    cluster.apply(namespace(f"{where}-other"))
    with pytest.raises(LockError, match="may not get leases"):
        LeaseLocks(f"{where}-other", kubeconfig=kubeconfig).try_acquire(KEY)


def test_the_role_of_the_page_is_enough(cluster: ControlPlane, opening: Opening) -> None:
    where = opening["namespace"]
    kubeconfig = str(account(cluster, where, "builder"))
    (block,) = re.findall(r"^```sh\n(kubectl .*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    for line in block.replace("codeopen-system", where).splitlines():
        cluster.kubectl(*shlex.split(line)[1:])
    locks = LeaseLocks(where, kubeconfig=kubeconfig)
    use_soon(locks)


def use_soon(locks: LeaseLocks) -> None:
    """Everything that a lock is for, once its rights have arrived."""
    soon(lambda: not error_of(lambda: held(locks).fail("to go on")))
    lease = acquire(locks, KEY, 5)
    lease.record({"a": 1})
    write(lease)
    locks.sweep()
    lease.succeed()


def error_of(call: Callable[[], object]) -> str:
    try:
        call()
    except LockError as error:
        return str(error)
    return ""


def test_in_a_pod_its_service_account_is_used(
    cluster: ControlPlane, opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = opening["namespace"]
    cluster.kubectl("create", "serviceaccount", "builder", "--namespace", where)
    cluster.apply(*(fill(each.manifest, str) for each in lock_rights(where, "builder")))
    (tmp_path / "token").write_text(cluster.kubectl("create", "token", "builder", "--namespace", where).strip())
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(cluster.certificate))
    host, port = cluster.url.removeprefix("https://").split(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    soon(lambda: not error_of(lambda: held(LeaseLocks(where)).succeed()))


def test_no_cluster_and_no_namespace_are_told(cluster: ControlPlane, tmp_path: Path) -> None:
    with pytest.raises(LockError, match="no cluster is chosen"):
        LeaseLocks("any", kubeconfig=str(tmp_path / "none"))
    with pytest.raises(
        LockError, match="the namespace nowhere is not there; make it, or name another in CODEOPEN_LOCK"
    ):
        LeaseLocks("nowhere", kubeconfig=str(cluster.kubeconfig)).try_acquire(KEY)


def test_a_hand_that_labels_is_endured_and_one_that_removes_ends_it(
    cluster: ControlPlane, opening: Opening, locks: LeaseLocks
) -> None:
    lease = held(locks)
    patch(cluster, opening, {"metadata": {"labels": {"of": "hand"}}})
    write(lease)
    with pytest.raises(LeaseLostError, match=r"removed from Kubernetes at .* by hand"), lease.guard():
        cluster.kubectl("delete", "leases.coordination.k8s.io", NAME, "--namespace", opening["namespace"])
    with pytest.raises(LeaseLostError, match="by hand"):
        write(lease)
    second = held(locks)
    assert second.token > lease.token
    second.succeed()


def test_what_a_hand_broke_is_free_and_what_is_newer_is_refused(
    cluster: ControlPlane, opening: Opening, locks: LeaseLocks
) -> None:
    lease = held(locks)
    broken = {"codeopen.dev/lock": '{"format":1}', "codeopen.dev/lock-events": "AAAA"}
    patch(cluster, opening, {"metadata": {"annotations": broken}})
    second = held(locks)
    assert second.token > lease.token
    with pytest.raises(LeaseLostError):
        write(lease)
    second.succeed()
    patch(cluster, opening, {"metadata": {"annotations": {"codeopen.dev/lock": '{"format":2}'}}})
    with pytest.raises(LockError, match="a newer version uses these locks"):
        locks.try_acquire(KEY)


def test_what_nothing_happened_with_for_a_day_is_removed(
    cluster: ControlPlane, opening: Opening, locks: LeaseLocks
) -> None:
    first = held(locks)
    first.succeed()
    holding = held(locks, "held")
    patch(cluster, opening, {"spec": {"renewTime": "2025-01-01T00:00:00.000000Z"}})
    cluster.kubectl("create", "-f", "-", "--namespace", opening["namespace"], stdin=json.dumps(FOREIGN))
    locks.sweep()
    left = [each["metadata"]["name"] for each in cluster.items("leases.coordination.k8s.io", opening["namespace"])]
    assert sorted(left) == sorted([FOREIGN["metadata"]["name"], f"codeopen-build-{key_digest('held')}"])
    write(holding)
    assert held(locks).token > first.token
    with pytest.raises(LeaseLostError):
        write(first)


FOREIGN: dict[str, Any] = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": "of-a-controller"},
    "spec": {"holderIdentity": "it", "renewTime": "2025-01-01T00:00:00.000000Z"},
}


def test_people_see_who_holds_it(cluster: ControlPlane, opening: Opening, locks: LeaseLocks) -> None:
    lease = held(locks)
    found = lease_object(cluster, opening)
    assert found["spec"]["leaseDurationSeconds"] == 10
    assert len(found["spec"]["holderIdentity"].split()) == 3
    assert found["metadata"]["annotations"]["codeopen.dev/lock-key"] == f"'{KEY}'"
    lease.succeed()
    assert "holderIdentity" not in lease_object(cluster, opening)["spec"]


def test_callers_of_a_process_share_their_reads(locks: LeaseLocks, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = held(locks)
    asked = 0
    ask = lease_api.LeaseApi.read

    def count(*words: Any, **more: Any) -> Any:
        nonlocal asked
        asked += 1
        return ask(*words, **more)

    monkeypatch.setattr(lease_api.LeaseApi, "read", count)
    end = time.monotonic() + 2

    def follow() -> None:
        while time.monotonic() < end:
            assert locks.follow(KEY, 0) == []

    threads = [threading.Thread(target=follow) for _ in range(25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 5 < asked < 60
    lease.succeed()
