"""The Docker Engine and the image builder: taken as the machine has them, else started."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import go_tools
from commands import SetupError, found, run, succeeds
from paths import Paths
from steps import Step

BUILDER = "codeopen"
# The builder's image, on a machine that can pull it (moby/buildkit, the version that tools/go/buildkit pins).
BUILDKIT_IMAGE = (
    "docker.io/moby/buildkit:v0.31.0@sha256:a095b3d11ce1a9a05b6064ef515dfca0291ec5bcf2ea8178da8f6461924294e1"
)
ENGINE_MISSING = (
    "The Docker Engine does not answer: start it (`sudo systemctl start docker`, or Docker Desktop), or give this user "
    "access to it (`sudo usermod -aG docker $USER`, then log in again)"
)
START_SECONDS = 30


def engine_step(paths: Paths) -> Step:
    def already() -> str | None:
        if not succeeds(["docker", "info"]):
            return None
        version = run(["docker", "version", "--format", "{{.Server.Version}}"], failure=ENGINE_MISSING)
        return f"{version.strip()}, running"

    return Step("Docker Engine", "start it", already, lambda: _start_engine(paths))


def _start_engine(paths: Paths) -> str:
    if Path("/run/systemd/system").is_dir():
        run(["systemctl", "start", "docker"], failure=ENGINE_MISSING)
    elif os.geteuid() == 0 and found("dockerd"):
        _start_daemon(["dockerd"], paths.state / "dockerd.log")
    else:
        raise SetupError(ENGINE_MISSING)
    _wait_for(["docker", "info"], ENGINE_MISSING, paths.state / "dockerd.log")
    return "started"


def remote_builder_step(paths: Paths) -> Step:
    """A buildkitd of the machine itself, where its image can't be pulled, and the builder that talks to it."""
    socket = f"unix://{paths.state}/buildkitd.sock"

    def start() -> str:
        binary = go_tools.directory(paths, go_tools.BUILDKIT) / "buildkitd"
        if os.geteuid() != 0:
            raise SetupError("buildkitd needs root on this machine: run set-up as root, or make Docker Hub reachable")
        buildctl = ["buildctl", "--addr", socket, "debug", "workers"]
        buildctl[0] = str(binary.with_name("buildctl"))
        if not succeeds(buildctl):
            command = [str(binary), "--addr", socket, "--root", str(paths.cache / "buildkit")]
            command += ["--oci-worker-snapshotter", "overlayfs", "--containerd-worker=false"]
            _start_daemon(command, paths.state / "buildkitd.log")
            _wait_for(buildctl, "buildkitd does not answer", paths.state / "buildkitd.log")
        _create_builder(["--driver", "remote", socket])
        return f"{BUILDER} started"

    return Step("Image builder", "start buildkitd and name it as a builder", _running_builder, start)


def container_builder_step() -> Step:
    """A BuildKit container of the Docker Engine, from its official image."""

    def create() -> str:
        # One that was stopped keeps its cache.
        if succeeds(["docker", "buildx", "inspect", "--bootstrap", BUILDER], seconds=120):
            return f"{BUILDER} started"
        # The host's network lets the builder reach the registry on the loopback address.
        options = ["--driver", "docker-container", "--driver-opt", f"network=host,image={BUILDKIT_IMAGE}"]
        _create_builder([*options, "--bootstrap"])
        return f"{BUILDER} created"

    return Step("Image builder", f"create the builder {BUILDER} in a container", _running_builder, create)


def _running_builder() -> str | None:
    """What is there already, asked without starting anything: a dry run asks too."""
    if not succeeds(["docker", "buildx", "inspect", BUILDER]):
        return None
    about = run(["docker", "buildx", "inspect", BUILDER], failure=f"The builder {BUILDER} can't be looked at")
    return f"{BUILDER}, running" if re.search(r"^Status:\s+running$", about, re.MULTILINE) else None


def _create_builder(options: list[str]) -> None:
    if succeeds(["docker", "buildx", "inspect", BUILDER]):
        run(["docker", "buildx", "rm", BUILDER], failure=f"The old builder {BUILDER} can't be removed")
    command = ["docker", "buildx", "create", "--name", BUILDER, *options]
    run(command, failure=f"The builder {BUILDER} can't be created")


def _start_daemon(command: list[str], log: Path) -> None:
    """Start a daemon that outlives set-up; its output goes to a log in the state folder."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/"
        )


def _wait_for(command: list[str], failure: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if succeeds(command):
            return
        time.sleep(0.5)
    raise SetupError(failure, log.read_text(errors="replace")[-2000:] if log.is_file() else "")
