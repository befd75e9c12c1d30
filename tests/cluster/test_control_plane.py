"""What the tests' cluster does by itself: what other tests rely on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.cluster.manifests import claim, namespace, pod
from tests.cluster.programs import ClusterError, Program, together
from tests.live import ROOT


def test_its_version_is_the_pinned_one(cluster: ControlPlane) -> None:
    versions = cluster.kubectl("version")
    assert "Client Version: v1.34.0" in versions
    assert "Server Version: v1.34.0" in versions


def test_a_restricted_namespace_takes_restricted_pods_alone(cluster: ControlPlane) -> None:
    cluster.apply(namespace("restricted"))
    privileged = pod("restricted", "privileged")
    privileged["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    assert 'violates PodSecurity "restricted:latest": privileged' in cluster.refused(privileged)
    cluster.apply(pod("restricted", "plain"))
    running = cluster.wait_for_pod("restricted", "plain")
    assert running["status"]["phase"] == "Running"
    assert running["spec"]["nodeName"] == "node-1"


def test_a_quota_refuses_what_is_above_it(cluster: ControlPlane) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "quota", "namespace": "quota"},
        "spec": {"hard": {"limits.cpu": "2"}},
    }
    cluster.apply(namespace("quota"), quota)
    cluster.wait_for("the quota counted", lambda: "hard" in cluster.get("quota", "quota", namespace="quota")["status"])
    cluster.apply(pod("quota", "first", {"cpu": "1500m"}))
    assert "exceeded quota: quota, requested: limits.cpu=1" in cluster.refused(pod("quota", "second", {"cpu": "1"}))


def test_nodes_have_the_labels_taints_and_capacity_that_were_asked_for(cluster: ControlPlane) -> None:
    taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    cluster.add_node("gpu-1", {"pool": "gpu"}, [taint], {"nvidia.com/gpu": "1"})
    cluster.apply(namespace("gpu"), pod("gpu", "untolerated", {"nvidia.com/gpu": "1"}))
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists"}
    cluster.apply(pod("gpu", "tolerated", {"nvidia.com/gpu": "1"}, tolerations=[toleration]))
    assert cluster.wait_for_pod("gpu", "tolerated")["spec"]["nodeName"] == "gpu-1"
    assert cluster.get("pod", "untolerated", namespace="gpu")["status"]["phase"] == "Pending"


def test_a_claim_gets_a_volume_once_a_pod_is_scheduled(cluster: ControlPlane) -> None:
    cluster.apply(namespace("claims"), claim("claims", "work"))
    assert cluster.get("pvc", "work", namespace="claims")["status"]["phase"] == "Pending"
    volume = {"name": "work", "persistentVolumeClaim": {"claimName": "work"}}
    cluster.apply(pod("claims", "with-claim", volumes=[volume]))
    cluster.wait_for_pod("claims", "with-claim")
    assert cluster.get("pvc", "work", namespace="claims")["status"]["phase"] == "Bound"


def test_the_api_server_restarts_and_keeps_its_objects(cluster: ControlPlane) -> None:
    cluster.apply(namespace("kept"))
    before = cluster.programs.running["kube-apiserver"].process.pid
    cluster.restart_api_server()
    assert cluster.programs.running["kube-apiserver"].process.pid != before
    assert cluster.get("namespace", "kept")["status"]["phase"] == "Active"
    cluster.apply(pod("kept", "after"))
    cluster.wait_for_pod("kept", "after", seconds=60)


def test_a_program_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    with together(tmp_path) as programs:
        programs.start("broken", "sh", "-c", "echo no such thing; exit 3")
        with pytest.raises(ClusterError, match=r"broken ended with code 3:\nno such thing"):
            programs.wait_for("it", lambda: None)


def test_waiting_ends_in_time_with_every_log(tmp_path: Path) -> None:
    with together(tmp_path) as programs:
        slow = programs.start("slow", "sh", "-c", "echo working; exec sleep 60")
        programs.wait_for("its first words", slow.log.read_text)
        with pytest.raises(ClusterError, match=r"after 0 s: a miracle not yet\n== slow\nworking"):
            programs.wait_for("a miracle", lambda: None, seconds=0.2)


def test_programs_end_when_a_start_fails(tmp_path: Path) -> None:
    def start_badly() -> None:
        with together(tmp_path) as programs:
            started.append(programs.start("first", "sleep", "60"))
            programs.start("missing", tmp_path / "no-such-program")

    started: list[Program] = []
    with pytest.raises(FileNotFoundError):
        start_badly()
    assert started[0].process.poll() is not None


def test_programs_end_with_the_process_that_started_them_however_it_ends(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib; from tests.cluster.programs import together\n"
        "with together(pathlib.Path(sys.argv[1])) as programs:\n"
        "    print(programs.start('stubborn', 'sleep', '60').process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tools' / 'setup'}"}
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=ROOT) as killed:
        assert killed.stdout is not None
        child = int(killed.stdout.readline())
        killed.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and "Z (" not in Path(f"/proc/{child}/status").read_text():
        assert time.monotonic() < deadline, "it goes on after its parent"
        time.sleep(0.05)
