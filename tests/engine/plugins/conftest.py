"""A Pulumi home with the plugins installed as the set-up does it, and a stack of its own for each test."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import docker
import pytest
from docker.errors import DockerException

ROOT = Path(__file__).parents[3]
FALLBACK = ROOT / "tools" / "fallback"
PROGRAM = Path(__file__).parent / "program"
TEST_LABEL = "codeopen.test"
INSTALLED_TOOLS = Path.home() / ".cache" / "codeopen" / "tools"
REGISTRY_CONFIGURATION = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def do_without(reason: str) -> NoReturn:
    """Skip a test whose tools are missing; in CI that fails, or a green run could hide a missing step of its set-up."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def engine() -> docker.DockerClient:
    try:
        client = docker.from_env()
        client.ping()
    except DockerException as error:
        do_without(f"no Docker Engine answers: {error}")
    return client


@pytest.fixture(scope="session")
def image(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image of one static busybox, so that no registry is needed."""
    busybox = shutil.which("busybox")
    if busybox is None:
        do_without("no busybox on PATH; install the package busybox-static")
    root = tmp_path_factory.mktemp("image")
    (root / "bin").mkdir()
    shutil.copy(busybox, root / "bin" / "busybox")
    for name in ("sh", "sleep", "true", "false", "cat"):
        (root / "bin" / name).symlink_to("busybox")
    tag = f"codeopen-test/busybox:{uuid.uuid4().hex[:8]}"
    packed = subprocess.run(["tar", "-C", root, "-c", "."], check=True, capture_output=True).stdout
    engine.api.import_image_from_data(packed, *tag.split(":"))
    yield tag
    engine.images.remove(tag, force=True)


@pytest.fixture(scope="session")
def pulumi_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose ``bin`` holds the CLI beside a language host installed from this checkout."""
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        do_without("no pulumi on PATH; run: make setup")
    scripts = Path(pulumi).resolve().parent
    for name in ("pulumi-language-python-exec", "pulumi-resource-pulumi-python"):
        if not (scripts / name).exists():
            do_without(f"{name} doesn't lie beside {pulumi}; run: make setup")
    home = tmp_path_factory.mktemp("home")
    sdk = home / "sdk"
    for folder, name in (("cmd", "pulumi-language-python-exec"), ("dist", "pulumi-resource-pulumi-python")):
        (sdk / folder).mkdir(parents=True)
        shutil.copy(scripts / name, sdk / folder / name)
    (home / "bin").mkdir()
    # The CLI takes a language host beside the file that it was started from, so a symbolic link wouldn't do.
    shutil.copy(pulumi, home / "bin" / "pulumi")
    install(home, "language-host", "--sdk-python", sdk, "--bin", home / "bin")
    for name in ("docker", "kubernetes"):
        install(home, f"{name}-fallback", "--pulumi", home / "bin" / "pulumi")
    return home


def registry_program() -> str:
    """The registry that the set-up built, or one on PATH."""
    for built in sorted(INSTALLED_TOOLS.glob("registry-*/registry")):
        return str(built)
    return shutil.which("registry") or shutil.which("docker-registry") or do_without("no registry; run: make setup")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A real registry of the test's own, as ``host:port``; it keeps its files in ``registry`` under ``tmp_path``."""
    program = registry_program()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    configuration = tmp_path / "registry.yml"
    configuration.write_text(REGISTRY_CONFIGURATION.format(folder=tmp_path / "registry", port=port))
    process = subprocess.Popen([program, "serve", configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait()


def install(home: Path, command: str, *options: str | Path) -> None:
    runtime = ("--python", sys.executable, "--plugins", ROOT)
    subprocess.run(
        [sys.executable, FALLBACK / "install.py", command, *options, *runtime],
        env={**os.environ, "PULUMI_HOME": str(home)},
        check=True,
    )


@dataclass(frozen=True, slots=True)
class Run:
    """What a command of the CLI said."""

    code: int
    output: str


class Stack:
    """One stack of a test program, worked on by the real CLI."""

    def __init__(self, home: Path, folder: Path, suffix: str, image: str = "", source: Path = PROGRAM) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.state.mkdir()
        self.name = f"codeopen-test-{suffix}"
        self.suffix = suffix
        self.image = image
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "PYTHON"))},
            # Compiled once a session, wherever the environment forbids it beside the sources: a second a command.
            "PYTHONPYCACHEPREFIX": str(home / "compiled"),
            "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_HOME": str(home),
            "PULUMI_BACKEND_URL": f"file://{self.state}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_PYTHON_CMD": sys.executable,
        }
        program = folder / "program"
        shutil.copytree(source, program)
        # Relative, as in the project's own Pulumi.yaml.
        path = os.path.relpath(ROOT / "provider" / "bin", program)
        project = program / "Pulumi.yaml"
        project.write_text(project.read_text().replace("PLUGINS", path))
        self.run("stack", "init", "dev")
        self.configure(suffix=suffix, image=image)

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        pulumi = str(Path(self._environment["PULUMI_HOME"]) / "bin" / "pulumi")
        return [pulumi, *arguments, "--non-interactive", "--color", "never"]

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command that the test ends."""
        return subprocess.Popen(
            self._command(arguments),
            cwd=self.folder / "program",
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def processes(self) -> list[str]:
        """The command lines of all processes of this stack, known by the state's place in their environment."""
        own = f"PULUMI_BACKEND_URL=file://{self.state}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if own in (process / "environ").read_bytes().split(b"\0"):
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:  # gone, or not ours to read
                continue
        return found

    def run(self, *arguments: str, cwd: Path | None = None, ok: bool = True) -> Run:
        done = subprocess.run(
            self._command(arguments),
            cwd=cwd or self.folder / "program",
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        if ok:
            assert done.returncode == 0, done.stdout
        return Run(done.returncode, done.stdout)

    def configure(self, **values: object) -> None:
        for key, value in values.items():
            self.run("config", "set", key, str(value))

    def up(self, *arguments: str, ok: bool = True) -> Run:
        return self.run("up", "--yes", "--skip-preview", *arguments, ok=ok)

    def expect_no_changes(self) -> None:
        self.run("preview", "--expect-no-changes", "--diff")

    def state_texts(self) -> dict[str, str]:
        """Every file that the backend holds: the state, its backups and the history."""
        return {
            str(path.relative_to(self.state)): path.read_text(errors="replace")
            for path in self.state.rglob("*")
            if path.is_file()
        }

    def output(self, name: str, *, secret: bool = False) -> Any:
        arguments = ["stack", "output", "--json", *(["--show-secrets"] if secret else [])]
        return json.loads(self.run(*arguments).output)[name]


@pytest.fixture
def stack(engine: docker.DockerClient, image: str, pulumi_home: Path, tmp_path: Path) -> Iterator[Stack]:
    suffix = uuid.uuid4().hex[:8]
    try:
        yield Stack(pulumi_home, tmp_path, suffix, image)
    finally:
        remove_everything(engine, suffix)


def remove_everything(engine: docker.DockerClient, suffix: str) -> None:
    """Clean up by label, past Pulumi: a test that failed leaves nothing on the machine."""
    filters: dict[str, str | list[str] | bool] = {"label": f"{TEST_LABEL}={suffix}"}
    for container in engine.containers.list(all=True, filters=filters):
        container.remove(force=True)
    for network in engine.networks.list(filters=filters):
        network.remove()
    for volume in engine.volumes.list(filters=filters):
        volume.remove(force=True)
