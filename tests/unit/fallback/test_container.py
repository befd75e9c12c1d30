from __future__ import annotations

import io
import tarfile
from threading import Event
from typing import Any

import pytest

from fallback_plugins.docker import container as container_module
from fallback_plugins.docker.container import Container
from fallback_plugins.docker.container_config import archive_of, create_body, update_arguments
from fallback_plugins.docker.container_state import drifted_inputs, imported_inputs, outputs
from provider.protocol.errors import InitialisationError, PluginError
from provider.protocol.resource import Change
from provider.protocol.values import Properties, Value
from tests.unit.fallback.fake_engine import CONFLICT, MISSING, FakeDocker, FakeEngine, inspected_container

MIB = 1024 * 1024
INPUTS: Properties = {"name": "app", "image": "img:1"}


def create(docker: FakeDocker, **inputs: Value) -> Any:
    return Container(FakeEngine(docker)).create({**INPUTS, **inputs}, Event())


@pytest.mark.parametrize(
    ("inputs", "path", "expected"),
    [
        ({"memory": 64, "memoryReservation": 32}, "HostConfig.Memory", 64 * MIB),
        ({"memory": 64, "memoryReservation": 32}, "HostConfig.MemoryReservation", 32 * MIB),
        ({"memorySwap": -1}, "HostConfig.MemorySwap", -1),
        ({"shmSize": 64}, "HostConfig.ShmSize", 64 * MIB),
        ({"cpuQuota": 50_000, "cpuPeriod": 100_000}, "HostConfig.CpuQuota", 50_000),
        ({"cpus": "1.5"}, "HostConfig.NanoCpus", 1_500_000_000),
        ({"cpus": "1.5", "cpuQuota": 1}, "HostConfig.CpuQuota", None),
        ({"capabilities": {"drops": ["ALL"]}}, "HostConfig.CapDrop", ["ALL"]),
        ({"securityOpts": ["no-new-privileges:true"]}, "HostConfig.SecurityOpt", ["no-new-privileges:true"]),
        ({"readOnly": True}, "HostConfig.ReadonlyRootfs", True),
        ({"tmpfs": {"/tmp": "size=64m"}}, "HostConfig.Tmpfs", {"/tmp": "size=64m"}),
        ({"init": True}, "HostConfig.Init", True),
        ({}, "HostConfig.Init", False),
        ({"restart": "on-failure", "maxRetryCount": 3}, "HostConfig.RestartPolicy",
         {"Name": "on-failure", "MaximumRetryCount": 3}),
        ({"logDriver": "json-file", "logOpts": {"max-size": "1m"}}, "HostConfig.LogConfig",
         {"Type": "json-file", "Config": {"max-size": "1m"}}),
        ({"cgroupParent": "/codeopen/p1"}, "HostConfig.CgroupParent", "/codeopen/p1"),
        ({"ports": [{"internal": 80, "external": 8080, "ip": "127.0.0.1"}]}, "HostConfig.PortBindings",
         {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}),
        ({"ports": [{"internal": 53, "protocol": "udp"}]}, "ExposedPorts", {"53/udp": {}}),
        ({"volumes": [{"volumeName": "v", "containerPath": "/d"}, {"hostPath": "/h", "containerPath": "/e",
          "readOnly": True}]}, "HostConfig.Binds", ["v:/d:rw", "/h:/e:ro"]),
        ({"mounts": [{"type": "volume", "source": "v", "target": "/d", "readOnly": True}]}, "HostConfig.Mounts",
         [{"Type": "volume", "Source": "v", "Target": "/d", "ReadOnly": True}]),
        ({"ulimits": [{"name": "nofile", "soft": 1, "hard": 2}]}, "HostConfig.Ulimits",
         [{"Name": "nofile", "Soft": 1, "Hard": 2}]),
        ({"hosts": [{"host": "db", "ip": "10.0.0.9"}]}, "HostConfig.ExtraHosts", ["db:10.0.0.9"]),
        ({"gpus": "all"}, "HostConfig.DeviceRequests", [{"Driver": "", "Capabilities": [["gpu"]], "Count": -1}]),
        ({"gpus": "device=0,2"}, "HostConfig.DeviceRequests",
         [{"Driver": "", "Capabilities": [["gpu"]], "DeviceIDs": ["0", "2"]}]),
        ({"labels": [{"label": "a", "value": "b"}]}, "Labels", {"a": "b"}),
        ({"envs": ["A=1"]}, "Env", ["A=1"]),
        ({"command": ["x"], "entrypoints": ["y"]}, "Entrypoint", ["y"]),
        ({"healthcheck": {"tests": ["CMD", "x"], "interval": "1m", "retries": 2}}, "Healthcheck",
         {"Test": ["CMD", "x"], "Interval": 60 * 10**9, "Timeout": 0, "StartPeriod": 0, "Retries": 2}),
    ],
)  # fmt: skip
def test_a_property_reaches_the_engine(inputs: Properties, path: str, expected: Value) -> None:
    value: Any = create_body({**INPUTS, **inputs})
    for key in path.split("."):
        value = value.get(key)
    assert value == expected


def test_the_default_network_gives_way_to_those_asked_for() -> None:
    docker = FakeDocker()
    create(docker, networksAdvanced=[{"name": "net", "aliases": ["x"]}])
    assert docker.calls[:4] == ["create", "disconnect", "connect", "start"]
    assert docker.arguments["connect"] == ("id-1", "net", {"ipv4_address": None, "aliases": ["x"]})


def test_a_container_that_shall_not_start_isnt_started() -> None:
    docker = FakeDocker()
    create(docker, start=False, wait=True)
    assert "start" not in docker.calls


def test_a_name_that_is_taken_is_refused_and_nothing_is_removed() -> None:
    docker = FakeDocker(fail={"create": CONFLICT})
    with pytest.raises(PluginError, match=r"docker rm -f app.*pulumi import"):
        create(docker)
    assert docker.calls == ["create"]


def test_a_missing_image_id_is_not_pulled() -> None:
    docker = FakeDocker(fail={"create": MISSING})
    with pytest.raises(PluginError, match="No such image"):
        create(docker, image="sha256:abc")
    assert docker.calls == ["create"]


@pytest.mark.parametrize("step", ["connect", "upload", "start"])
def test_a_container_that_cant_start_is_removed_again(step: str) -> None:
    docker = FakeDocker(fail={step: PluginError("port is already allocated")})
    uploads = [{"file": "/etc/x", "content": "y"}]
    with pytest.raises(PluginError, match="port is already allocated"):
        create(docker, networksAdvanced=[{"name": "net"}], uploads=uploads)
    assert docker.calls[-1] == "remove"


def test_a_container_that_cant_even_be_removed_stays_in_the_state() -> None:
    docker = FakeDocker(fail={"start": PluginError("no"), "stop": PluginError("Engine is gone")})
    with pytest.raises(InitialisationError, match=r"no; and removing it again failed: Engine is gone") as caught:
        create(docker)
    assert caught.value.identifier == "id-1"


def test_waiting_ends_when_it_is_healthy() -> None:
    docker = FakeDocker(health=("starting", "starting", "healthy"))
    stored = create(docker, wait=True)
    assert stored.identifier == "id-1"


def test_an_unhealthy_container_is_kept_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_module, "HEALTH_POLL_SECONDS", 0.01)
    docker = FakeDocker(health=("unhealthy",))
    with pytest.raises(InitialisationError, match=r"not healthy within 0.05 s \(last check: refused\)") as caught:
        create(docker, wait=True, waitTimeout=0.05)
    assert caught.value.identifier == "id-1"
    assert "remove" not in docker.calls


def test_waiting_without_a_health_check_is_an_error_at_once() -> None:
    with pytest.raises(InitialisationError, match="it has no health check"):
        create(FakeDocker(health=("",)), wait=True)


def test_a_container_that_exits_isnt_waited_for() -> None:
    docker = FakeDocker(health=("starting",), running=False)
    with pytest.raises(InitialisationError, match="it exited with code 3 before it was healthy; see: docker logs app"):
        create(docker, wait=True)


def test_a_stopped_container_is_started_by_an_update() -> None:
    docker = FakeDocker(running=False)
    Container(FakeEngine(docker)).update(Change("id-1", {**INPUTS, "mustRun": False}, INPUTS), {}, Event())
    assert "start" in docker.calls
    left_alone = FakeDocker(running=False)
    Container(FakeEngine(left_alone)).update(Change("id-1", INPUTS, {**INPUTS, "mustRun": False}), {}, Event())
    assert "start" not in left_alone.calls


def test_cancelling_ends_the_wait() -> None:
    cancelled = Event()
    cancelled.set()
    with pytest.raises(InitialisationError, match="waiting was cancelled"):
        Container(FakeEngine(FakeDocker(health=("starting",)))).create({**INPUTS, "wait": True}, cancelled)


def test_memory_is_updated_with_its_swap() -> None:
    docker = FakeDocker()
    old, new = {**INPUTS, "memory": 64}, {**INPUTS, "memory": 128}
    Container(FakeEngine(docker)).update(Change("id-1", old, new), {}, Event())
    _, arguments = docker.arguments["update"]
    assert (arguments["mem_limit"], arguments["memswap_limit"]) == (128 * MIB, 256 * MIB)


def test_an_own_swap_limit_stays() -> None:
    assert update_arguments({"memory": 64, "memorySwap": 64})["memswap_limit"] == 64 * MIB


def test_a_change_of_the_plugins_own_properties_leaves_the_container_alone() -> None:
    docker = FakeDocker()
    Container(FakeEngine(docker)).update(Change("id-1", INPUTS, {**INPUTS, "destroyGraceSeconds": 5}), {}, Event())
    assert set(docker.calls) == {"inspect"}


def test_deleting_stops_in_time_and_tolerates_what_is_gone() -> None:
    docker = FakeDocker()
    Container(FakeEngine(docker)).delete("id-1", {"name": "app", "destroyGraceSeconds": 7, "removeVolumes": False})
    assert docker.arguments["stop"] == ("id-1", 7)
    assert docker.arguments["remove"] == ("id-1", False, True)
    Container(FakeEngine(FakeDocker(fail={"stop": MISSING}))).delete("id-1", {"name": "app"})


def test_an_unchanged_container_has_no_drift() -> None:
    inputs = {**INPUTS, "memory": 64, "restart": "no", "networksAdvanced": [{"name": "net", "aliases": ["x"]}]}
    assert drifted_inputs(inspected_container(), inputs) == inputs
    by_id = {**INPUTS, "networksAdvanced": [{"name": "net-id"}]}
    assert drifted_inputs(inspected_container(), by_id) == by_id


def test_a_duration_that_go_would_spell_otherwise_shows_after_a_refresh() -> None:
    check = {"tests": ["CMD", "x"], "interval": "5s", "timeout": "90s", "startPeriod": "60s"}
    found = drifted_inputs(inspected_container(), {**INPUTS, "healthcheck": check})
    assert found["healthcheck"] == {**check, "timeout": "1m30s", "startPeriod": "1m0s"}
    assert drifted_inputs(inspected_container(), found) == found


def test_drift_shows_in_the_inputs() -> None:
    inputs = {**INPUTS, "memory": 32, "cpuQuota": 5, "networksAdvanced": [{"name": "lost"}]}
    found = drifted_inputs(inspected_container(Running=False), inputs)
    assert found["memory"] == 64
    assert found["cpuQuota"] is None
    assert found["networksAdvanced"] == [{"name": "net"}]
    assert found["mustRun"] is False


def test_a_container_that_may_stand_still_has_no_drift_when_it_does() -> None:
    inputs = {**INPUTS, "mustRun": False}
    assert drifted_inputs(inspected_container(Running=False), inputs) == inputs


def test_a_changed_restart_policy_is_drift_even_where_none_was_asked_for() -> None:
    inspected = inspected_container()
    inspected["HostConfig"]["RestartPolicy"] = {"Name": "always", "MaximumRetryCount": 0}
    assert drifted_inputs(inspected, INPUTS)["restart"] == "always"


def test_outputs_tell_the_port_that_the_engine_chose() -> None:
    found = outputs(inspected_container(), {**INPUTS, "ports": [{"internal": 80}, {"internal": 81, "external": 1}]})
    assert found["ports"] == [{"internal": 80, "external": 32768}, {"internal": 81, "external": 1}]
    assert found["networkDatas"][0]["ipAddress"] == "10.0.0.2"


def test_an_import_leaves_out_what_the_image_and_the_engine_give() -> None:
    inspected = inspected_container()
    inspected["Config"] |= {
        "Image": "img:1", "Hostname": "id-1", "User": "dev", "WorkingDir": "/", "Cmd": ["sh"], "Entrypoint": None,
        "Env": ["PATH=/bin", "A=1"], "Labels": {"from": "image", "own": "1"}, "Tty": False, "OpenStdin": False,
    }  # fmt: skip
    inspected["HostConfig"] |= {
        "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}, "Binds": ["v:/d:ro"],
        "ReadonlyRootfs": False, "NetworkMode": "default", "Privileged": False, "SecurityOpt": None, "CapAdd": None,
        "CapDrop": ["ALL"], "CgroupParent": "", "PidMode": "", "GroupAdd": None, "Dns": [],
        "LogConfig": {"Type": "json-file", "Config": {}},
    }  # fmt: skip
    image = {"Config": {"Cmd": ["sh"], "Env": ["PATH=/bin"], "Labels": {"from": "image"}, "WorkingDir": "/"}}
    assert imported_inputs(inspected, image) == {
        "name": "app",
        "image": "img:1",
        "memory": 64,
        "user": "dev",
        "envs": ["A=1"],
        "labels": [{"label": "own", "value": "1"}],
        "networksAdvanced": [{"name": "net", "aliases": ["app"]}],
        "ports": [{"internal": 80, "external": 8080, "ip": "127.0.0.1", "protocol": "tcp"}],
        "volumes": [{"volumeName": "v", "containerPath": "/d", "readOnly": True}],
        "capabilities": {"adds": [], "drops": ["ALL"]},
    }


def test_uploads_become_one_archive() -> None:
    uploads = [
        {"file": "/etc/a", "content": "text"},
        {"file": "/bin/b", "contentBase64": "AAE=", "executable": True},
        {"file": "/c", "content": "x", "permissions": "0600"},
    ]
    with tarfile.open(fileobj=io.BytesIO(archive_of(uploads))) as archive:
        members = [(member.name, member.mode, archive.extractfile(member).read()) for member in archive]  # type: ignore[union-attr] # regular files
    assert members == [("etc/a", 0o644, b"text"), ("bin/b", 0o744, b"\x00\x01"), ("c", 0o600, b"x")]


@pytest.mark.parametrize("upload", [{"file": "/x"}, {"file": "/x", "content": "a", "contentBase64": "AAE="}])
def test_an_upload_has_one_content(upload: Properties) -> None:
    docker = FakeDocker()
    with pytest.raises(PluginError, match="/x needs either content or contentBase64"):
        create(docker, uploads=[upload])
    assert docker.calls == []
