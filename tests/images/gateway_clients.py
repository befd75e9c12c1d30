"""The built image's gateway and its clients outside of the container: what tests of both share."""

from __future__ import annotations

import base64
import io
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from codeopen.images.verify.container import Container, started
from tests.images.trials import Trials
from tests.live import ROOT

SOURCE = ROOT / "dockerfiles" / "base" / "acp-gateway"
KEPT_OUT = {"node_modules", "build", "dist"}
PORTS = {"gateway": 4097, "opencode": 4096}
PROBES = {"gateway": "/healthz", "opencode": "/global/health"}
WORKSPACE = "/home/developer/workspace"
CONFIGURATION = "/home/developer/.config/opencode/opencode.json"


@contextmanager
def developing(image: str, label: str, *options: str) -> Iterator[str]:
    command = ["docker", "run", "--detach", "--cap-drop", "ALL", "--label", f"codeopen.test={label}", *options]
    name = subprocess.run([*command, image, "sleep", "1800"], capture_output=True, text=True, check=True).stdout.strip()
    try:
        subprocess.run(["docker", "cp", "-", f"{name}:/tmp"], input=packed_source(), check=True, capture_output=True)
        run(name, "npm ci --no-audit --no-fund --cache /tmp/npm")
        yield name
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", name], check=True, capture_output=True)


def packed_source() -> bytes:
    """The source as a tar that belongs to the image's user."""
    buffer = io.BytesIO()

    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if KEPT_OUT & set(Path(member.name).parts):
            return None
        member.uid = member.gid = 1000
        return member

    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(SOURCE, "acp-gateway", filter=owned)
    return buffer.getvalue()


def run(container: str, script: str) -> str:
    command = ["docker", "exec", "--workdir", "/tmp/acp-gateway", container, "bash", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{script}\n{done.stdout[-8000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@contextmanager
def serving(trials: Trials, token: str, *command: str, part: str = "fullstack") -> Iterator[Container]:
    """A container of a part with both ports published on the loopback address, and this token for both."""
    environment = {"ACP_GATEWAY_PASSWORD": token, "OPENCODE_SERVER_PASSWORD": token}
    surroundings = trials.surroundings("bridge", tuple(PORTS.values()))
    surroundings = replace(surroundings, environment=MappingProxyType(environment))
    with started(trials.image(part).reference, surroundings, *command) as container:
        yield container


def answers(container: Container, service: str, token: str) -> bool:
    url = f"http://127.0.0.1:{container.host_port(PORTS[service])}{PROBES[service]}"
    login = base64.b64encode(f"opencode:{token}".encode()).decode()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers={"Authorization": f"Basic {login}"}), timeout=5
        ):
            return True
    except OSError:
        return False


def wait_for(is_so: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.01)


def agents(container: Container) -> list[str]:
    """The command lines of agents, and of what they run."""
    ran = container.run("ps", "-e", "-o", "args=")
    assert ran.code == 0, ran.told
    return [line for line in ran.output.splitlines() if "opencode acp" in line]


def give_it_a_model(outside: str, container: Container) -> None:
    """The stand-in for a model runs in the container itself, so that no other network has to be there."""
    needed = "package.json build/tests/outside/model.js build/tests/stand-ins/stand-in-model.js"
    packed = subprocess.run(
        ["docker", "exec", "--workdir", "/tmp/acp-gateway", outside, "bash", "-c", f"tar -c {needed}"],
        capture_output=True,
        check=True,
    ).stdout
    unpack = [
        "docker",
        "exec",
        "--interactive",
        container.name,
        "bash",
        "-c",
        "mkdir /tmp/model && tar -x -C /tmp/model",
    ]
    subprocess.run(unpack, input=packed, check=True, capture_output=True)
    script = f"""
mkdir -p $(dirname {CONFIGURATION})
node /tmp/model/build/tests/outside/model.js >{CONFIGURATION} 2>/tmp/model/errors </dev/null &
for attempt in $(seq 100); do [ -s {CONFIGURATION} ] && exit; sleep 0.1; done; cat /tmp/model/errors >&2; exit 1"""
    ran = container.run("bash", "-c", script)
    assert ran.code == 0, ran.told
