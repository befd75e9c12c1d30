"""What a checkout needs to find its tools and its state: links, an environment file, and a passphrase for secrets."""

from __future__ import annotations

import os
import secrets
import shlex
from pathlib import Path

import go_tools
import pulumi_cli
from commands import SetupError, found, succeeds
from machine import Machine
from paths import Paths
from steps import Step

BUILDX_MISSING = (
    "Docker's Buildx is missing: install it (`apt-get install docker-buildx`, or docker-buildx-plugin from "
    "Docker's own packages), or install Go 1.21 or newer from https://go.dev/dl to have it compiled"
)


def buildx_step(paths: Paths) -> Step:
    """The Docker CLI's plugin: the machine's own, else the compiled one."""
    compiled = go_tools.step(paths, go_tools.BUILDX, "Buildx")

    def already() -> str | None:
        return "of this machine" if succeeds(["docker", "buildx", "version"]) else None

    def install() -> str:
        made = compiled.found()
        if made is None:
            if not found("go"):
                raise SetupError(BUILDX_MISSING)
            made = compiled.run()
        own = os.environ.get("DOCKER_CONFIG")
        plugins = (Path(own) if own else paths.home / ".docker") / "cli-plugins"
        plugins.mkdir(parents=True, exist_ok=True)
        _link(plugins / "docker-buildx", go_tools.directory(paths, go_tools.BUILDX) / "docker-buildx")
        return made

    return Step("Buildx", compiled.plan, already, install)


def checkout_step(paths: Paths, machine: Machine) -> Step:
    environment = {
        # Without `metadata=skip` the backend writes a second file beside each state, and not atomically: a CLI that is
        # killed in that moment leaves an empty one, after which nothing can read the stack any more.
        "PULUMI_BACKEND_URL": f"file://{paths.backend}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(paths.passphrase),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "CODEOPEN_STACK": machine.stack,
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    folders = shlex.quote(f"{paths.bin}:{paths.venv}/bin")
    lines.append(f"export PATH={folders}:$PATH")
    text = "# Source this for plain pulumi commands in this checkout.\n" + "\n".join(lines) + "\n"
    program = pulumi_cli.program(paths, machine)

    def already() -> str | None:
        file = paths.local / "env"
        link = paths.bin / "pulumi"
        done = file.is_file() and file.read_text() == text and paths.passphrase.is_file() and paths.backend.is_dir()
        return ".codeopen/env" if done and link.is_symlink() and link.readlink() == program else None

    def write() -> str:
        if not program.exists():
            raise SetupError(f"{program} does not exist: delete {paths.tools} and run set-up again")
        paths.bin.mkdir(parents=True, exist_ok=True)
        paths.backend.mkdir(parents=True, exist_ok=True)
        _link(paths.bin / "pulumi", program)
        _make_passphrase(paths.passphrase)
        (paths.local / "env").write_text(text)
        return ".codeopen/env written"

    return Step("This checkout", "write .codeopen/env and link the tools", already, write)


def _make_passphrase(file: Path) -> None:
    """The key of the local stacks' secrets: made once, readable by its owner alone."""
    if file.is_file():
        return
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(secrets.token_urlsafe(32))
    part.replace(file)


def _link(link: Path, target: Path) -> None:
    part = link.with_name(f".{link.name}.part")
    part.unlink(missing_ok=True)
    part.symlink_to(target)
    part.replace(link)
