from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import pulumi_cli
from commands import SetupError, run
from go_tools import DOCKER_BUILD, PULUMI, directory
from machine import Machine
from paths import Paths
from pulumi_cli import (
    DOCKER_BUILD_VERSION,
    DOCKER_VERSION,
    FALLBACKS,
    KUBERNETES_VERSION,
    VERSION,
    cli_step,
    plugins_step,
    program,
)
from tests.unit.stand_ins import StandIns
from tests.unit.trees import write_tree

CHECKOUT = Path(__file__).parents[3]
ORDINARY = Machine(releases=True, images=True)
REGISTRY_ONLY = Machine(releases=False, images=False)
# The installer that a stand-in for curl brings: it makes the root it is told to.
CURL = """for word; do test "$last" != -o || file=$word; last=$word; done
echo 'while [ "$1" != --install-root ]; do shift; done; mkdir -p "$2/bin" && echo >"$2/bin/pulumi"' >"$file\""""
PULUMI_CLI = """case "$1 $2" in
  version*) echo v3.300.0 ;;
  "plugin install") mkdir -p "$PULUMI_HOME/plugins/resource-$4-$5" ;;
esac"""


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi-home"))
    return Paths(CHECKOUT, tmp_path / "home")


def test_versions_are_those_of_the_compiled_tools() -> None:
    assert PULUMI.version == f"v{VERSION}"
    assert DOCKER_BUILD.version == DOCKER_BUILD_VERSION


def test_a_pulumi_of_the_machine_is_used(paths: Paths, stand_ins: StandIns) -> None:
    own = stand_ins.put("pulumi", "echo v3.300.1")
    assert cli_step(paths, ORDINARY).found() == f"{own}, of this machine"
    assert program(paths, ORDINARY) == own
    assert program(paths, REGISTRY_ONLY) == directory(paths, PULUMI) / "pulumi", "its language host is beside it"


def test_the_official_installer_brings_the_pinned_version(paths: Paths, stand_ins: StandIns) -> None:
    stand_ins.put("pulumi", "echo v2.0.0")
    stand_ins.put("curl", CURL)
    write_tree(paths.tools / f"pulumi-official-{VERSION}.part", {"rest": "of a run that was killed"})
    step = cli_step(paths, ORDINARY)
    assert step.found() is None
    assert step.run() == f"v{VERSION} installed"
    assert program(paths, ORDINARY).is_file()
    assert [file.name for file in program(paths, ORDINARY).parent.parent.iterdir()] == ["bin"]
    assert step.found() == f"v{VERSION}, installed before"


def test_a_failed_installer_leaves_no_cli(paths: Paths, stand_ins: StandIns) -> None:
    stand_ins.put("pulumi", "echo v2.0.0")
    stand_ins.put("curl", "echo 'could not resolve host' >&2; exit 6")
    with pytest.raises(SetupError, match="Pulumi's installer can't be fetched") as caught:
        cli_step(paths, ORDINARY).run()
    assert caught.value.log == "could not resolve host"
    assert cli_step(paths, ORDINARY).found() is None


@pytest.mark.parametrize("name", FALLBACKS)
def test_official_plugins_are_installed_and_replace_a_fallback(
    paths: Paths, stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    removed = []
    fallback = pulumi_cli._plugins_folder() / f"resource-{name}-v{FALLBACKS[name]}"

    def run_installer(command: list[str | Path], *, failure: str) -> str:
        if str(command[-1]).startswith("remove-"):
            removed.append(command[-1])
            if command[-1] == f"remove-{name}-fallback":
                shutil.rmtree(fallback)
            return ""
        return run(command, failure=failure)

    stand_ins.put("pulumi", PULUMI_CLI)
    write_tree(fallback, {"FALLBACK.json": "{}"})
    for other in (("docker-build", DOCKER_BUILD_VERSION), *FALLBACKS.items()):
        if other[0] != name:
            write_tree(fallback.with_name("resource-{}-v{}".format(*other)), {"x": ""})
    step = plugins_step(paths, ORDINARY)
    assert step.found() is None, "a fallback is not the official plugin"
    monkeypatch.setattr(pulumi_cli, "run", run_installer)
    step.run()
    assert removed == [f"remove-{each}-fallback" for each in FALLBACKS]
    installed = [call for call in stand_ins.calls if "install" in call]
    assert installed == [
        f"pulumi plugin install resource docker v{DOCKER_VERSION}",
        f"pulumi plugin install resource kubernetes v{KUBERNETES_VERSION}",
        f"pulumi plugin install resource docker-build v{DOCKER_BUILD_VERSION}",
    ]
    versions = f"docker v{DOCKER_VERSION}, kubernetes v{KUBERNETES_VERSION}, docker-build v{DOCKER_BUILD_VERSION}"
    assert step.found() == f"{versions}, installed before"


def test_the_plugins_hash_follows_their_code_and_packages(tmp_path: Path) -> None:
    tree = {
        "tools/fallback/requirements.lock": "a==1\n",
        "tools/fallback/install.py": "x",
        "provider/protocol/server.py": "y",
    }
    paths = [Paths(tmp_path / name, tmp_path) for name in ("one", "two")]
    for each in paths:
        write_tree(each.checkout, tree)
    first, second = (pulumi_cli._plugins_hash(each) for each in paths)
    assert first == second
    for name in tree:
        write_tree(paths[1].checkout, {**tree, name: "changed"})
        assert pulumi_cli._plugins_hash(paths[1]) != first
    write_tree(paths[1].checkout, {**tree, "tools/fallback/reference.txt": "", "provider/registry.py": ""})
    assert pulumi_cli._plugins_hash(paths[1]) == first
