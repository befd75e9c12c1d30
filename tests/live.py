"""A whole stack of this project on the real Docker Engine, BuildKit and registry, beside whatever else runs here."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
CONFIG = {"offline": {"codeopen:mirror": "~/.cache/codeopen/mirror"}, "dev": {}}


@dataclass
class LiveStack:
    """A stack in a copy of the checkout, with a state, a registry and names of its own."""

    checkout: Path
    name: str
    registry_port: int
    host_ports: int
    environment: dict[str, str]
    projects: list[dict[str, Any]] = field(default_factory=list)

    def configure(self, *projects: dict[str, Any], parts: Sequence[str] = ("js", "addon-databases")) -> None:
        self.projects = list(projects)
        values = {
            **CONFIG[os.environ["CODEOPEN_STACK"]],
            "codeopen:registryPort": self.registry_port,
            "codeopen:hostPorts": self.host_ports,
            # A fast, real sample: two parts on the base and their combination. `make images` builds all.
            "codeopen:parts": list(parts),
            "codeopen:projects": self.projects,
        }
        (self.checkout / "stacks" / f"Pulumi.{self.name}.yaml").write_text(yaml.safe_dump({"config": values}))

    def codeopen(self, *words: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "codeopen.cli", *words, "--stack", self.name]
        return self._run(command, check=check, environment=environment)

    def pulumi(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._run(["pulumi", "--non-interactive", *words, "--stack", self.name], check=True, environment={})

    def preview(self, cwd: Path | None = None, **environment: str) -> dict[str, int]:
        """What a preview would do, as counts by operation, without those that stay the same."""
        config = self.checkout / ".codeopen" / "stacks" / f"Pulumi.{self.name}.yaml"
        words = ("pulumi", "--non-interactive", "preview", "--json", "--stack", self.name, "--config-file", str(config))
        done = self._run(words, check=True, environment=environment, cwd=cwd)
        summary: dict[str, int] = json.loads(done.stdout)["changeSummary"]
        return {operation: count for operation, count in summary.items() if operation != "same"}

    def outputs(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json").stdout)
        return parsed

    def password(self, project: str) -> str:
        state = json.loads(self.pulumi("stack", "export", "--show-secrets").stdout)
        (found,) = [
            resource["outputs"]["password"]
            for resource in state["deployment"]["resources"]
            if resource["urn"].endswith(f"::project-{project}-opencode")
        ]
        secret: str = json.loads(found["plaintext"]) if isinstance(found, dict) else found
        return secret

    def container(self, project: str) -> str:
        return f"codeopen-{self.name}-{project}"

    def _run(
        self, command: Sequence[str], *, check: bool, environment: Mapping[str, str], cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=cwd or self.checkout,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def remove(self) -> None:
        """Leave nothing in the Engine: neither what is protected nor the images that were pulled.

        `codeopen down` comes first: after a run that was ended, it alone finds a container that no state knows, and
        that would keep its volume in use.
        """
        references = [image["reference"] for image in self.outputs().get("images", {}).values()]
        config = self.checkout / ".codeopen" / "stacks" / f"Pulumi.{self.name}.yaml"
        self.codeopen("down")
        self.pulumi("state", "unprotect", "--all", "--yes")
        self.pulumi("destroy", "--yes", "--skip-preview", "--config-file", str(config))
        subprocess.run(["docker", "image", "rm", "--force", *references], check=False, capture_output=True)


def copy_checkout(target: Path) -> None:
    """What git knows of this checkout, in another folder, with the same Python environment."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_symlink():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).symlink_to((ROOT / name).readlink())
        elif (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
            if os.access(ROOT / name, os.X_OK):
                (target / name).chmod(0o700)
    (target / ".venv").symlink_to(ROOT / ".venv")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def prepare_stack(checkout: Path, state: Path) -> LiveStack:
    """A stack that is not applied yet, in a copy of this checkout."""
    copy_checkout(checkout)
    (state / "pulumi").mkdir()
    (state / "passphrase").write_text("of this test")
    environment = {
        **os.environ,
        "PULUMI_BACKEND_URL": f"file://{state / 'pulumi'}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(state / "passphrase"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PYTHONPATH": str(checkout),
    }
    # Another range for each stack: projects of the same id own the same block in it.
    host_ports = 8_000 + secrets.randbelow(8_000)
    return LiveStack(checkout, f"t{secrets.token_hex(4)}", free_port(), host_ports, environment)
