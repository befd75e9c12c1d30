"""The main job with real parts: CLI, docker-build provider, BuildKit, registry and Docker Engine.

The tests share one stack and run in the order of this file; each leaves the project `demo` running.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from codeopen.cli.deploy import STORAGE_NOTE
from tests.live import LiveStack, copy_checkout

DEMO = {"id": "demo", "tier": "starter", "flavor": "js", "addons": ["databases"]}
GIBIBYTE = 1 << 30


def inspect(container: str) -> dict[str, Any]:
    done = subprocess.run(["docker", "inspect", container], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)[0]
    return found


def run_in(container: str, *command: str, user: str = "developer") -> str:
    words = ["docker", "exec", "--user", user, container, *command]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def request(url: str, password: str | None = None, data: bytes | None = None) -> tuple[int, str]:
    headers = {"Content-Type": "application/json"}
    if password is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(f"opencode:{password}".encode()).decode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def url_of(live: LiveStack, project: str = "demo") -> str:
    url: str = live.outputs()["projects"][project]["urls"]["opencode"]
    return url


def test_up_ends_with_a_table_of_images_and_projects(live: LiveStack) -> None:
    table = live.codeopen("status", "--format", "text").stdout
    data = json.loads(live.codeopen("status", "--format", "json").stdout)
    assert [row["part"] for row in data["images"]] == ["base", "js", "addon-databases", "js-db"]
    for row in data["images"]:
        assert f"{row['unpacked_bytes'] / 1e6:.0f} MB" in table
        assert 0 < row["compressed_bytes"] < row["unpacked_bytes"]
        assert row["image"].startswith(f"localhost:{live.registry_port}/codeopen/codeopen-{row['part']}:")
        name, _, digest = row["reference"].partition("@")
        assert row["image"].startswith(f"{name}:")
        assert f"{row['image']}@{digest.removeprefix('sha256:')[:12]} " in table
    assert data["images"][0]["compressed_bytes"] < 300e6
    (project,) = data["projects"]
    assert project == {**project, "cpu": "1", "memory": "3Gi", "health": "healthy"}
    assert STORAGE_NOTE in table


def test_opencode_answers_healthy_to_its_password_only(live: LiveStack) -> None:
    health = url_of(live) + "/global/health"
    status, body = request(health, live.password("demo"))
    assert (status, json.loads(body)["healthy"]) == (200, True)
    assert request(health)[0] == 401
    assert request(health, "wrong")[0] == 401


def test_a_second_up_changes_nothing(live: LiveStack) -> None:
    before = inspect(live.container("demo"))["Id"]
    table = live.codeopen("up", "--format", "json")
    assert {row["work"] for row in json.loads(table.stdout)["images"]} == {"unchanged"}
    assert table.stderr == ""
    assert inspect(live.container("demo"))["Id"] == before


def test_the_committed_configuration_is_not_written_to(live: LiveStack) -> None:
    assert "encryptionsalt" not in (live.checkout / "stacks" / f"Pulumi.{live.name}.yaml").read_text()


def test_another_checkout_previews_clean(live: LiveStack, tmp_path: Path) -> None:
    """Another path, another umask, time zone and locale."""
    elsewhere = tmp_path / "deep" / "er"
    old = os.umask(0o077)
    try:
        copy_checkout(elsewhere)
        shutil.copy(live.checkout / "stacks" / f"Pulumi.{live.name}.yaml", elsewhere / "stacks")
        shutil.copytree(live.checkout / ".codeopen" / "stacks", elsewhere / ".codeopen" / "stacks")
        changes = live.preview(
            cwd=elsewhere, TZ="Pacific/Kiritimati", LANG="tr_TR.UTF-8", LC_ALL="tr_TR.UTF-8", PYTHONPATH=str(elsewhere)
        )
    finally:
        os.umask(old)
    assert changes == {}


def test_no_secret_stands_in_the_state_or_the_log(live: LiveStack) -> None:
    password = live.password("demo").encode()
    state = Path(live.environment["PULUMI_BACKEND_URL"].removeprefix("file://").partition("?")[0])
    folders = [state, live.checkout / ".codeopen", live.checkout / "stacks"]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    assert len(files) > 5
    assert [file for file in files if password in file.read_bytes()] == []


def test_the_container_has_every_declared_property(live: LiveStack) -> None:
    container = inspect(live.container("demo"))
    host, config = container["HostConfig"], container["Config"]
    assert (host["CpuQuota"], host["CpuPeriod"]) == (100_000, 100_000)
    assert (host["Memory"], host["MemorySwap"], host["MemoryReservation"]) == (3 * GIBIBYTE, 3 * GIBIBYTE, 2 * GIBIBYTE)
    assert host["PidsLimit"] == 2048
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["Privileged"] is False
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-file": "3", "max-size": "10m"}}
    assert {binding["HostIp"] for bindings in host["PortBindings"].values() for binding in bindings} == {"127.0.0.1"}
    assert set(host["PortBindings"]) == {"4096/tcp", "4097/tcp"}
    assert config["Healthcheck"]["Test"] == ["CMD", "/usr/local/bin/codeopen-health"]
    assert config["Hostname"] == "demo"
    assert config["User"] == "developer"
    assert config["Labels"]["codeopen.project"] == "demo"
    assert list(container["NetworkSettings"]["Networks"]) == [live.container("demo")]
    (mount,) = container["Mounts"]
    assert (mount["Name"], mount["Destination"]) == (f"{live.container('demo')}-home", "/home/developer")
    assert container["State"]["Health"]["Status"] == "healthy"


def test_the_limits_hold_in_the_containers_cgroup(live: LiveStack) -> None:
    memory, quota, period = run_in(
        live.container("demo"),
        "sh",
        "-c",
        "cd /sys/fs/cgroup; if [ -e memory.max ]; then cat memory.max cpu.max; "
        "else cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us; fi",
    ).split()
    assert (memory, quota, period) == (str(3 * GIBIBYTE), "100000", "100000")


def test_the_container_can_gain_no_privilege(live: LiveStack) -> None:
    status = run_in(live.container("demo"), "cat", "/proc/self/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["NoNewPrivs"] == "1"
    assert int(fields["CapBnd"], 16) == 0
    assert int(fields["CapEff"], 16) == 0


def test_another_project_changes_nothing_of_the_first(live: LiveStack) -> None:
    live.configure(DEMO, {"id": "another", "tier": "builder", "flavor": "js"})
    try:
        live.codeopen("up", "--dry-run")
        changes = live.preview()
    finally:
        live.configure(DEMO)
    assert set(changes) == {"create"}
    assert live.codeopen("up", "--dry-run", "--format", "text").stdout == "nothing changes\n"


def changed_names(live: LiveStack) -> set[str]:
    """The resources that a preview would touch."""
    config = live.checkout / ".codeopen" / "stacks" / f"Pulumi.{live.name}.yaml"
    steps = json.loads(live.pulumi("preview", "--json", "--config-file", str(config)).stdout)["steps"]
    return {step["urn"].rpartition("::")[2] for step in steps if step["op"] != "same"}


def test_one_byte_of_an_addon_changes_that_part_and_its_combinations_only(live: LiveStack) -> None:
    dockerfile = live.checkout / "dockerfiles" / "addons" / "databases" / "Dockerfile"
    before = dockerfile.read_bytes()
    dockerfile.write_bytes(before + b"\n")
    try:
        changed = changed_names(live)
    finally:
        dockerfile.write_bytes(before)
    images = {name for name in changed if not name.startswith("project-")}
    assert {re.sub(r"(-plan|-build|-release)$", "", name) for name in images} - {f"codeopen-{live.name}"} == {
        "parts-addon-databases-amd64",
        "combinations-js-db-amd64",
    }
    # The project runs that combination: its image and container follow, and what hangs on the container.
    assert changed - images <= {"project-demo-image", "project-demo-container", "project-demo-processes"}


def test_a_readme_changes_nothing(live: LiveStack) -> None:
    for folder in ("dockerfiles/base", "dockerfiles/addons/databases", "."):
        with (live.checkout / folder / "README.md").open("a") as file:
            file.write("\nmore\n")
    assert changed_names(live) == set()


def test_passwords_are_printed_only_when_asked_for(live: LiveStack) -> None:
    opened = json.loads(live.codeopen("project", "open", "demo", "--format", "json").stdout)
    passwords = {port["name"]: port["password"] for port in opened["ports"]}
    assert passwords["opencode"] == live.password("demo")
    assert len(set(passwords.values())) == len(passwords) == 2
    assert all(len(password) >= 32 for password in passwords.values())
    assert request(opened["ports"][1]["url"] + "/global/health", passwords["opencode"])[0] == 200
    for words in (("status",), ("up", "--dry-run")):
        done = live.codeopen(*words)
        assert not any(password in done.stdout + done.stderr for password in passwords.values())


def test_the_tutorial_opens_a_project_and_gets_a_combination(live: LiveStack) -> None:
    """Its steps 2 and 3; tests/docs/test_how_to.py follows step 4."""
    tutorial = (live.checkout / "docs" / "tutorial.md").read_text(encoding="utf-8")
    steps = tutorial.partition("\n## 2.")[2].partition("\n## 4.")[0]
    environment = {**live.environment, "CODEOPEN_STACK": live.name}
    opened, health, resolved, ensured, checked = [
        subprocess.run(
            ["bash", "-c", block], cwd=live.checkout, env=environment, capture_output=True, text=True, check=True
        ).stdout
        for block in re.findall(r"```sh\n(.*?)```", steps, re.DOTALL)
    ]
    assert live.password("demo") in opened
    assert json.loads(health)["healthy"] is True
    assert "5Gi" in resolved
    assert ensured == f"{live.outputs()['images']['js-db']['reference']}\n"
    assert re.search(r"js +addon-databases +composed", checked)


def test_a_released_version_never_moves(live: LiveStack) -> None:
    """A changed plan under a version that is published asks for another version, before anything is built."""
    entrypoint = live.checkout / "dockerfiles" / "base" / "entrypoint.sh"
    before = entrypoint.read_bytes()
    entrypoint.write_bytes(before + b"\n")
    try:
        done = live.codeopen("up", check=False)
    finally:
        entrypoint.write_bytes(before)
    assert done.returncode == 1
    assert "bump VERSION" in done.stderr
    assert live.preview() == {}


def test_sessions_and_files_survive_a_replaced_container(live: LiveStack) -> None:
    password, url = live.password("demo"), url_of(live)
    status, body = request(f"{url}/session", password, b'{"title": "kept"}')
    assert status == 200, body
    session = json.loads(body)["id"]
    run_in(live.container("demo"), "sh", "-c", "echo mine >/home/developer/workspace/notes.txt")
    before = inspect(live.container("demo"))["Id"]
    live.configure({**DEMO, "tier": "builder"})
    live.codeopen("up")
    after = inspect(live.container("demo"))
    assert after["HostConfig"]["CpuQuota"] == 200_000
    assert after["Id"] != before
    assert session in request(f"{url}/session", password)[1]
    assert run_in(live.container("demo"), "cat", "/home/developer/workspace/notes.txt") == "mine\n"
    assert live.password("demo") == password


def test_down_stops_everything_and_keeps_volumes(live: LiveStack) -> None:
    password = live.password("demo")
    live.configure(DEMO)
    live.codeopen("down")
    listed = subprocess.run(
        ["docker", "ps", "--all", "--format", "{{.Names}}"], capture_output=True, text=True, check=True
    ).stdout
    assert live.name not in listed
    volumes = subprocess.run(["docker", "volume", "ls", "--quiet"], capture_output=True, text=True, check=True).stdout
    assert f"codeopen-{live.name}-demo-home" in volumes
    images = json.loads(live.codeopen("up", "--format", "json").stdout)["images"]
    # The registry's volume has outlived the registry: every image is found again by its plan.
    assert {row["work"] for row in images} == {"adopted"}
    assert run_in(live.container("demo"), "cat", "/home/developer/workspace/notes.txt") == "mine\n"
    assert live.password("demo") == password


def test_a_mistake_in_the_configuration_is_told_without_a_traceback(live: LiveStack) -> None:
    live.configure({**DEMO, "flavor": "pyton"})
    try:
        done = live.codeopen("up", check=False)
    finally:
        live.configure(DEMO)
    assert done.returncode == 1
    assert "unknown-flavor" in done.stderr
    assert "python" in done.stderr
    assert "Traceback" not in done.stderr
