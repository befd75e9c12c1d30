"""Builds for arm64 on an amd64 machine, emulated: small parts are built, composed, indexed and run, and the catalog's
base and js are built and must become healthy. It is some ten times slower than a native build."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from codeopen.authoring.part_test.trial_stack import open_trial
from codeopen.environment.stack_file import read_stack_values
from codeopen.images.compose.store import IndexStore
from codeopen.images.compose.verdicts import Verdicts
from codeopen.images.locks.no_lock import NoLocks
from codeopen.images.ondemand.builders.buildx import BuildxBuilder
from codeopen.images.ondemand.builders.job import BuildJob
from codeopen.images.ondemand.composing import Identity, Ingredients, Tools, combine_once
from codeopen.images.ondemand.platforms import IndexName, publish_index
from codeopen.images.registry.registry import Registry
from codeopen.images.verify.checks import check_commands
from codeopen.images.verify.container import started
from codeopen.model.catalog.read import read_catalog
from tests.images.trials import Trials
from tests.live import ROOT
from tests.unit.images.registry.real_registry import distribution_3, serving

pytestmark = pytest.mark.heavy
ARM64 = "linux/arm64"
EMULATOR = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")
PLAN = f"sha256:{'a' * 64}"
BUSYBOX = "usr/bin/busybox"


HEALTHY_SECONDS = 900
COMMAND_SECONDS = 600


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with serving(distribution_3(), tmp_path) as running:
        yield Registry(running.host)


def build(registry: Registry, name: str, folder: Path, base: str = "") -> str:
    named = {"base": f"docker-image://{base}"} if base else {}
    job = BuildJob(name, f"{registry.host}/test/codeopen-{name}", PLAN, ARM64, str(folder), named, {}, {})
    return f"{job.repository}@{BuildxBuilder('codeopen', ROOT).build(job, lambda _: None)}"


def written(folder: Path, dockerfile: str) -> Path:
    folder.mkdir()
    (folder / "Dockerfile").write_text(dockerfile)
    return folder


def test_parts_for_arm64_are_built_composed_indexed_and_run(registry: Registry, tmp_path: Path) -> None:
    check_emulation()
    root = written(tmp_path / "base", f"FROM scratch\nCOPY {BUSYBOX} /bin/busybox\n")
    archive = tmp_path / "root.tar"
    fetch = ["mmdebstrap", "--quiet", "--arch=arm64", "--variant=extract", "--include=busybox-static", "trixie"]
    subprocess.run([*fetch, str(archive)], check=True)
    subprocess.run(["tar", "-xf", str(archive), "-C", str(root), f"./{BUSYBOX}"], check=True)
    base = build(registry, "base", root)
    told = 'RUN ["/bin/busybox", "sh", "-c", "/bin/busybox uname -m >/{name}"]\n'
    parts = {
        name: build(registry, name, written(tmp_path / name, f"FROM base\n{told.format(name=name)}"), base)
        for name in ("js", "addon-gui")
    }
    with ThreadPoolExecutor(4) as workers:
        tools = Tools(registry, IndexStore(registry, tmp_path / "i"), Verdicts(tmp_path / "v"), NoLocks(), workers)
        identity = Identity("test/codeopen-js-gui", "0.0.1_arm64", PLAN, ARM64)
        ingredients = Ingredients(base, parts, lambda _: "")
        made = combine_once(tools, identity, lambda _: ingredients, lambda _: None)
    digest = made.reference.partition("@")[2]
    manifest = registry.read_manifest(identity.repository, digest).parsed()
    config = json.loads(registry.read_blob(identity.repository, manifest["config"]["digest"]))
    assert (config["os"], config["architecture"]) == ("linux", "arm64")
    index = publish_index(registry, IndexName(identity.repository, "0.0.1-dev", PLAN), {ARM64: digest})
    command = ["docker", "run", "--rm", "--platform", ARM64, index, "/bin/busybox", "cat", "/js", "/addon-gui"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["aarch64", "aarch64"]
    subprocess.run(["docker", "image", "rm", "--force", index], check=True, capture_output=True)


def check_emulation() -> None:
    if not EMULATOR.exists():
        pytest.fail("no emulation of arm64: `python3 tools/setup/set_up.py --also images` sets it up")


def check_registry() -> None:
    """Skips where npm's registry lacks OpenCode's program for arm64, as a mirror of a part of it may."""
    package = f"opencode-linux-arm64@{read_catalog(ROOT / 'catalog').upstreams['opencode'].version}"
    done = subprocess.run(["npm", "view", package, "version"], capture_output=True, text=True, check=False)
    if "E404" in done.stderr:
        pytest.skip(f"npm's registry has no {package}, without which the base can't be built for arm64")


@pytest.fixture(scope="module")
def emulated() -> Iterator[Trials]:
    """The images of parts for arm64, beside the stack that set-up chose, with the stand-ins for arm64 if it has any."""
    check_emulation()
    check_registry()
    stack = os.environ["CODEOPEN_STACK"]
    mirror = read_stack_values(ROOT, stack).get("mirror")
    changes = {"platforms": [ARM64], **({"mirror": f"{mirror}-arm64"} if mirror else {})}
    found = Trials(open_trial(stack, ROOT, changes, "-arm64"))
    yield found
    found.close()


@pytest.mark.parametrize("name", ["base", "js"])
def test_a_part_of_the_catalog_for_arm64_is_built_and_healthy(emulated: Trials, name: str) -> None:
    image, expected = emulated.image(name), emulated.expected(name)
    with started(image.reference, emulated.surroundings()) as container:
        assert container.run("uname", "-m").output == "aarch64\n"
        deadline = time.monotonic() + HEALTHY_SECONDS
        while (ran := container.run("codeopen-health", seconds=COMMAND_SECONDS)).code:
            assert time.monotonic() < deadline, f"{ran.errors}\n{container.logs()}"
            time.sleep(2)
        failed = [result.detail for result in check_commands(container, expected) if not result.passed]
        assert failed == []
