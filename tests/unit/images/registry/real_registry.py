"""Real registries for tests, each on a free loopback port with a folder of its own: distribution 3 and Debian's 2.8."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live import free_port

USERNAME, PASSWORD = "somebody", "right-password"
# bcrypt of the password; Debian's registry and distribution read nothing else.
HTPASSWD = f"{USERNAME}:$2b$05$abcdefghijklmnopqrstuuBO.kmgTJhdt40M5ZyHgFmcpBdUb9aS.\n"
CONFIGURATION = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"{tls}}}
"""
TLS = ", tls: {{certificate: {folder}/tls.crt, key: {folder}/tls.key}}"
AUTHENTICATION = "auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}\n"
CACHE = Path.home() / ".cache" / "codeopen"


def distribution_3() -> Path:
    """The registry that set-up compiles."""
    if built := sorted((CACHE / "tools").glob("registry-*/registry")):
        return built[-1]
    pytest.fail("no compiled registry in ~/.cache/codeopen/tools; run: make setup", pytrace=False)


def debian_2() -> Path:
    """Debian's registry: an installed one, or its package unpacked into a cache."""
    if installed := shutil.which("docker-registry"):
        return Path(installed)
    program = CACHE / "tests" / "docker-registry" / "usr" / "bin" / "docker-registry"
    if not program.exists():
        root = program.parents[2]
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root.parent) as folder:
            _run("apt-get", "download", "docker-registry", cwd=folder)
            (package,) = Path(folder).glob("docker-registry_*.deb")
            _run("dpkg", "-x", str(package), f"{folder}/root", cwd=folder)
            shutil.rmtree(root, ignore_errors=True)
            Path(folder, "root").rename(root)
    return program


def _run(*command: str, cwd: str) -> None:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.fail(f"Debian's docker-registry can't be had: {command[0]}: {error}", pytrace=False)
    if done.returncode:
        pytest.fail(f"Debian's docker-registry can't be had: {command[0]}: {done.stderr[-500:]}", pytrace=False)


@dataclass(frozen=True)
class RealRegistry:
    host: str
    program: Path
    folder: Path

    @property
    def size(self) -> int:
        """Bytes of the blobs that it stores."""
        return sum(file.stat().st_size for file in (self.folder / "data").glob("**/blobs/**/data"))

    def collect_garbage(self) -> str:
        """Run its own collector, as its operator does while nothing is pushed."""
        command = [str(self.program), "garbage-collect", str(self.folder / "registry.yml")]
        done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=True)
        return done.stdout


@contextmanager
def serving(program: Path, folder: Path, *, authentication: bool = False, tls: bool = False) -> Iterator[RealRegistry]:
    """A registry while a test uses it; with authentication it wants USERNAME and PASSWORD.

    With TLS, the certificate to be trusted is the folder's ``tls.crt``.
    """
    port = free_port()
    text = CONFIGURATION + (AUTHENTICATION if authentication else "")
    encryption = TLS.format(folder=folder) if tls else ""
    (folder / "registry.yml").write_text(text.format(folder=folder, port=port, tls=encryption))
    if tls:
        _certify(folder)
    (folder / "htpasswd").write_text(HTPASSWD)
    log = (folder / "log").open("wb")
    command: list[str | Path] = [program, "serve", folder / "registry.yml"]
    with log, subprocess.Popen(command, stdout=log, stderr=log, env=_environment()) as process:
        try:
            _wait(f"http://127.0.0.1:{port}/v2/", process, folder / "log")
            yield RealRegistry(f"127.0.0.1:{port}", program, folder)
        finally:
            process.terminate()


def _environment() -> dict[str, str]:
    return {**os.environ, "OTEL_TRACES_EXPORTER": "none"}


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(address, timeout=1).close()
        except urllib.error.HTTPError:
            return  # it asks for a password, or for TLS
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "the registry does not answer"
            time.sleep(0.05)
        else:
            return


def _certify(folder: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-days", "2"]
    command += ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    subprocess.run(command, capture_output=True, check=True)


def log_in(folder: Path, host: str) -> None:
    """What ``docker login`` leaves."""
    folder.mkdir(parents=True, exist_ok=True)
    auth = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
