"""Puts the plugins where the Pulumi CLI finds them without a warning. For the set-up script; see ``--help``.

Nothing that this installs depends on where the checkout lies: the scripts name the interpreter and the copy of the
plugins that are given here, which the set-up keeps in its cache.
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

FALLBACKS = {"docker": "5.2.0", "kubernetes": "4.34.2"}
"""The versions of the official plugins that the fallbacks are installed as: those of the SDKs in use."""

MARKER = "FALLBACK.json"
"""The file in an installed plugin's folder that says it is a fallback."""

EXECUTABLE = 0o755


@dataclass(frozen=True, slots=True)
class Runtime:
    """What runs the plugins: an interpreter that has the Pulumi SDK, and a copy of a checkout's plugins."""

    python: Path
    plugins: Path

    def script(self, *arguments: str | Path) -> str:
        """A shell script that runs one plugin."""
        command = [self.python, self.plugins / "tools" / "fallback" / "run_plugin.py", *arguments]
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


def install_fallback(name: str, runtime: Runtime, pulumi: Path) -> None:
    """Install a fallback into the plugin folder of PULUMI_HOME, in the place of whatever has its version there.

    Raises subprocess.CalledProcessError when the CLI refuses.
    """
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, f"pulumi-resource-{name}")
        _write_executable(script, runtime.script(name))
        marker = Path(folder, MARKER)
        marker.write_text(json.dumps({"plugin": name, "stands_in_for": FALLBACKS[name]}) + "\n")
        archive = Path(folder, "plugin.tar.gz")
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(script, script.name)
            packed.add(marker, marker.name)
        what = ("resource", name, f"v{FALLBACKS[name]}")
        command = [str(pulumi), "plugin", "install", *what, "--file", str(archive), "--reinstall"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def plugin_folder(name: str) -> Path:
    """Where PULUMI_HOME holds the plugin of this version, installed or not."""
    # Like the CLI, which takes the user's home from the user database, whatever HOME says.
    home = os.environ.get("PULUMI_HOME") or Path(pwd.getpwuid(os.getuid()).pw_dir) / ".pulumi"
    return Path(home) / "plugins" / f"resource-{name}-v{FALLBACKS[name]}"


def plugin_state(name: str) -> str:
    """``absent``, ``fallback`` or ``official``: what PULUMI_HOME holds as the plugin of this version."""
    folder = plugin_folder(name)
    if not (folder / f"pulumi-resource-{name}").exists():
        return "absent"
    return "fallback" if (folder / MARKER).exists() else "official"


def remove_fallback(name: str) -> None:
    """Make room for the official plugin; one that is official already stays."""
    if plugin_state(name) == "fallback":
        shutil.rmtree(plugin_folder(name))


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
    runtimes = [language]
    for name in FALLBACKS:
        fallback = commands.add_parser(f"{name}-fallback", help=f"install the fallback {name} provider")
        fallback.add_argument("--pulumi", type=Path, default=Path("pulumi"), help="the pulumi binary")
        runtimes.append(fallback)
        commands.add_parser(f"{name}-state", help="print absent, fallback or official")
        commands.add_parser(f"remove-{name}-fallback", help=f"make room for the official {name} provider")
    for command in runtimes:
        command.add_argument("--python", type=Path, required=True, help="interpreter that has the Pulumi SDK")
        command.add_argument(
            "--plugins",
            type=Path,
            required=True,
            help="a folder that holds provider/ and tools/fallback/ as a checkout does",
        )
    given = parser.parse_args(arguments)
    match given.command.split("-"):
        case "language", "host":
            install_language_host(Runtime(given.python, given.plugins), given.sdk_python, given.bin)
        case name, "fallback":
            install_fallback(name, Runtime(given.python, given.plugins), given.pulumi)
        case name, "state":
            sys.stdout.write(plugin_state(name) + "\n")
        case _, name, _:
            remove_fallback(name)


if __name__ == "__main__":
    main()
