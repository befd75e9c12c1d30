"""The ACP gateway's own tests, in the image that it runs in: with its Node.js and its OpenCode."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import ROOT, LiveStack

SOURCE = ROOT / "dockerfiles" / "base" / "acp-gateway"
KEPT_OUT = {"node_modules", "build", "dist"}


@pytest.fixture(scope="module")
def container(live: LiveStack) -> Iterator[str]:
    """A container of the base with the gateway's source and its development packages."""
    image = live.outputs()["images"]["base"]["reference"]
    command = ["docker", "run", "--detach", "--cap-drop", "ALL", "--label", f"codeopen.test={live.name}"]
    name = subprocess.run([*command, image, "sleep", "900"], capture_output=True, text=True, check=True).stdout.strip()
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


def test_its_linter_has_nothing_to_say(container: str) -> None:
    run(container, "npm run lint")


def test_its_units_pass(container: str) -> None:
    run(container, "npm run --silent build:tests && node --test build/tests/unit/*.test.js")


@pytest.mark.heavy
def test_its_tests_pass_with_stand_ins_and_with_the_real_opencode(container: str) -> None:
    """They hold to times, and each agent takes seconds to start: a machine with other work defeats them.

    The last of them hold a whole prompt with a permission request, and go on with it in a new connection.
    """
    said = run(container, "OPENCODE_BIN=/usr/local/bin/opencode npm test")
    assert "a prompt goes through a permission request to its end" in said
    assert "fail 0" in said
