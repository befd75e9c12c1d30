"""The Pulumi CLI and its plugins: the official ones where they can be had, else compiled or stood in for."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import go_tools
from commands import run
from machine import Machine, own_pulumi
from paths import Paths
from steps import Step

VERSION = "3.259.0"
DOCKER_VERSION = "5.2.0"
DOCKER_BUILD_VERSION = "0.0.22"
KUBERNETES_VERSION = "4.34.2"
_FALLBACK = Path("tools", "fallback")
_PLUGINS = (
    Path("provider", "protocol"),
    Path("provider", "kubernetes"),
    _FALLBACK,
)  # what the fallbacks run, where it lies in the checkout
FALLBACKS = {"docker": DOCKER_VERSION, "kubernetes": KUBERNETES_VERSION}


def cli_step(paths: Paths, machine: Machine) -> Step:
    if not machine.releases:
        return go_tools.step(paths, go_tools.PULUMI, "Pulumi CLI")
    target = paths.tools / f"pulumi-official-{VERSION}"

    def already() -> str | None:
        own = own_pulumi(paths)
        if own:
            return f"{own}, of this machine"
        return f"v{VERSION}, installed before" if target.is_dir() else None

    def install() -> str:
        part = Path(f"{target}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "install.sh"
            failure = "Pulumi's installer can't be fetched"
            run(["curl", "-fsSL", "--max-time", "60", "-o", script, "https://get.pulumi.com"], failure=failure)
            command: list[str | Path] = [
                "sh",
                script,
                "--version",
                VERSION,
                "--install-root",
                part,
                "--no-edit-path",
            ]
            run(command, failure="Pulumi's installer failed")
        part.replace(target)
        return f"v{VERSION} installed"

    return Step("Pulumi CLI", f"install v{VERSION} with the official installer", already, install)


def program(paths: Paths, machine: Machine) -> Path:
    """The pulumi command that this checkout uses."""
    own = own_pulumi(paths) if machine.releases else None
    if own:
        return Path(own)
    if machine.releases:
        return paths.tools / f"pulumi-official-{VERSION}" / "bin" / "pulumi"
    return go_tools.directory(paths, go_tools.PULUMI) / "pulumi"


def plugins_step(paths: Paths, machine: Machine) -> Step:
    """The providers. The language host comes with the official CLI; else the project's own is put beside it."""
    if machine.releases:
        return _official_plugins(paths, machine)
    runtime = paths.tools / f"plugins-{_plugins_hash(paths)}"
    folder = _plugins_folder()
    fallbacks = " and ".join(f"{name} v{version}" for name, version in FALLBACKS.items())
    versions = f"docker-build v{DOCKER_BUILD_VERSION}, fallbacks for {fallbacks}"

    def already() -> str | None:
        mark = runtime / "installed"
        there = mark.is_file() and mark.read_text() == str(folder)
        there = there and (folder / f"resource-docker-build-v{DOCKER_BUILD_VERSION}").is_dir()
        # Another checkout's set-up may have put scripts there that run its own copy of the plugins.
        scripts = (
            *(
                folder / f"resource-{name}-v{version}" / f"pulumi-resource-{name}"
                for name, version in FALLBACKS.items()
            ),
            program(paths, machine).parent / "pulumi-language-python",
        )
        there = there and all(script.is_file() and str(runtime) in script.read_text() for script in scripts)
        return f"{versions}, installed before" if there else None

    def install() -> str:
        _copy_runtime(paths, runtime)
        python = runtime / "venv" / "bin" / "python"
        pulumi = program(paths, machine)
        common: list[str | Path] = ["--python", python, "--plugins", runtime / "plugins"]
        installer = paths.checkout / _FALLBACK / "install.py"
        language: list[str | Path] = ["language-host", "--sdk-python", pulumi.parent / "sdk", "--bin", pulumi.parent]
        failure = "The plugins can't be installed"
        run([sys.executable, installer, *language, *common], failure=failure)
        for name in FALLBACKS:
            run([sys.executable, installer, f"{name}-fallback", "--pulumi", pulumi, *common], failure=failure)
        _install_docker_build(paths, pulumi)
        (runtime / "installed").write_text(str(folder))
        return f"{versions}, installed"

    return Step("Pulumi plugins", f"install {versions}", already, install)


def _official_plugins(paths: Paths, machine: Machine) -> Step:
    plugins = (*FALLBACKS.items(), ("docker-build", DOCKER_BUILD_VERSION))
    versions = ", ".join(f"{name} v{version}" for name, version in plugins)
    markers = [_plugins_folder() / f"resource-{name}-v{version}" / "FALLBACK.json" for name, version in plugins]

    def already() -> str | None:
        there = all((_plugins_folder() / f"resource-{name}-v{version}").is_dir() for name, version in plugins)
        return f"{versions}, installed before" if there and not any(marker.exists() for marker in markers) else None

    def install() -> str:
        installer = paths.checkout / _FALLBACK / "install.py"
        for name in FALLBACKS:
            run([sys.executable, installer, f"remove-{name}-fallback"], failure="The fallback plugin can't be removed")
        for name, version in plugins:
            command: list[str | Path] = [program(paths, machine), "plugin", "install", "resource", name, f"v{version}"]
            run(command, failure=f"The plugin {name} v{version} can't be installed")
        return f"{versions}, installed"

    return Step("Pulumi plugins", f"install {versions}", already, install)


def _plugins_folder() -> Path:
    """Where the CLI keeps plugins: it takes the user's home from the user database, whatever HOME says."""
    home = os.environ.get("PULUMI_HOME") or Path(pwd.getpwuid(os.getuid()).pw_dir) / ".pulumi"
    return Path(home) / "plugins"


def _plugins_hash(paths: Paths) -> str:
    """What the installed plugins are made from: their code, and the locked packages they run with."""
    requirements = paths.checkout / _FALLBACK / "requirements.lock"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode())
    for file in sorted(file for folder in _PLUGINS for file in (paths.checkout / folder).rglob("*.py")):
        digest.update(f"{file.relative_to(paths.checkout).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _copy_runtime(paths: Paths, runtime: Path) -> None:
    """An interpreter with the SDK and a copy of the plugins, which stay when the checkout goes."""
    shutil.rmtree(runtime, ignore_errors=True)
    runtime.mkdir(parents=True)
    for folder in _PLUGINS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(paths.checkout / folder, runtime / "plugins" / folder, ignore=ignored)
    run([sys.executable, "-m", "venv", runtime / "venv"], failure="The plugins' Python environment can't be made")
    pip: Sequence[str | Path] = [
        runtime / "venv/bin/python",
        "-m",
        "pip",
        "--disable-pip-version-check",
        "-q",
        "install",
    ]
    command = [*pip, "--require-hashes", "-r", paths.checkout / _FALLBACK / "requirements.lock"]
    run(command, failure="The plugins' Python packages can't be installed")


def _install_docker_build(paths: Paths, pulumi: Path) -> None:
    binary = go_tools.directory(paths, go_tools.DOCKER_BUILD) / "pulumi-resource-docker-build"
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "plugin.tar.gz"
        with tarfile.open(archive, "w:gz", compresslevel=1) as packed:
            packed.add(binary, binary.name)
        command: list[str | Path] = [
            pulumi,
            "plugin",
            "install",
            "resource",
            "docker-build",
            f"v{DOCKER_BUILD_VERSION}",
        ]
        run([*command, "--file", archive, "--reinstall"], failure="The docker-build provider can't be installed")
