"""Puts the plugins where the Pulumi CLI finds them without a warning. For the set-up script; see ``--help``.

Nothing that this installs depends on where the checkout lies: the scripts name the interpreter and the copy of this
folder that are given here, which the set-up keeps in its cache.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DOCKER_VERSION = "5.2.0"
"""The version of the official plugin that the fallback is installed as: the one of the SDK in use."""

MARKER = "FALLBACK.json"
"""The file in an installed plugin's folder that says it is a fallback."""

EXECUTABLE = 0o755


@dataclass(frozen=True, slots=True)
class Runtime:
    """What runs the plugins: an interpreter that has the Pulumi SDK, and a copy of the folder of this file."""

    python: Path
    plugins: Path

    def script(self, *arguments: str | Path) -> str:
        """A shell script that runs one plugin."""
        command = [self.python, self.plugins / "run_plugin.py", *arguments]
        return f'#!/bin/sh\nexec {shlex.join(str(part) for part in command)} "$@"\n'


def install_language_host(runtime: Runtime, sdk_python: Path, bin_folder: Path) -> None:
    """Put the language host and the SDK's two scripts beside the ``pulumi`` binary.

    ``sdk_python`` is the folder ``python`` of the Pulumi SDK's Go module. Raises OSError when it lacks the scripts.
    """
    exec_script = bin_folder / "pulumi-language-python-exec"
    _write_executable(exec_script, (sdk_python / "cmd" / exec_script.name).read_text())
    dynamic = bin_folder / "pulumi-resource-pulumi-python"
    _write_executable(dynamic, (sdk_python / "dist" / dynamic.name).read_text())
    _write_executable(bin_folder / "pulumi-language-python", runtime.script("language", exec_script))


def install_docker_fallback(runtime: Runtime, pulumi: Path) -> None:
    """Install the fallback into the plugin folder of PULUMI_HOME, in the place of whatever has its version there.

    Raises subprocess.CalledProcessError when the CLI refuses.
    """
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "pulumi-resource-docker")
        _write_executable(script, runtime.script("docker"))
        marker = Path(folder, MARKER)
        marker.write_text(json.dumps({"plugin": "docker", "stands_in_for": DOCKER_VERSION}) + "\n")
        archive = Path(folder, "plugin.tar.gz")
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(script, script.name)
            packed.add(marker, marker.name)
        what = ("resource", "docker", f"v{DOCKER_VERSION}")
        command = [str(pulumi), "plugin", "install", *what, "--file", str(archive), "--reinstall"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def docker_plugin_folder() -> Path:
    """Where PULUMI_HOME holds the docker plugin of this version, installed or not."""
    # Like the CLI, which takes the user's home from the user database, whatever HOME says.
    home = os.environ.get("PULUMI_HOME") or Path(pwd.getpwuid(os.getuid()).pw_dir) / ".pulumi"
    return Path(home) / "plugins" / f"resource-docker-v{DOCKER_VERSION}"


def docker_plugin_state() -> str:
    """``absent``, ``fallback`` or ``official``: what PULUMI_HOME holds as the docker plugin of this version."""
    folder = docker_plugin_folder()
    if not (folder / "pulumi-resource-docker").exists():
        return "absent"
    return "fallback" if (folder / MARKER).exists() else "official"


def remove_docker_fallback() -> None:
    """Make room for the official plugin; one that is official already stays."""
    if docker_plugin_state() == "fallback":
        shutil.rmtree(docker_plugin_folder())


def _write_executable(path: Path, text: str) -> None:
    """Write beside it and rename, so that a running plugin keeps the file that it began with."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.chmod(EXECUTABLE)
    new.replace(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of the set-up script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    language = commands.add_parser("language-host", help="put the Python language host beside the pulumi binary")
    language.add_argument("--sdk-python", type=Path, required=True, help="folder python of the SDK's Go module")
    language.add_argument("--bin", type=Path, required=True, help="folder of the pulumi binary")
    fallback = commands.add_parser("docker-fallback", help="install the fallback docker provider")
    fallback.add_argument("--pulumi", type=Path, default=Path("pulumi"), help="the pulumi binary")
    for command in (language, fallback):
        command.add_argument("--python", type=Path, required=True, help="interpreter that has the Pulumi SDK")
        command.add_argument("--plugins", type=Path, required=True, help="the copy of this folder to run")
    commands.add_parser("docker-state", help="print absent, fallback or official")
    commands.add_parser("remove-docker-fallback", help="make room for the official docker provider")
    given = parser.parse_args(arguments)
    match given.command:
        case "language-host":
            install_language_host(Runtime(given.python, given.plugins), given.sdk_python, given.bin)
        case "docker-fallback":
            install_docker_fallback(Runtime(given.python, given.plugins), given.pulumi)
        case "docker-state":
            sys.stdout.write(docker_plugin_state() + "\n")
        case _:
            remove_docker_fallback()


if __name__ == "__main__":
    main()
