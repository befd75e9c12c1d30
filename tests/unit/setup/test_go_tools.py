from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import go_tools
from commands import SetupError
from go_tools import BUILDKIT, PULUMI, directory, pins_hash
from paths import Paths
from tests.unit.stand_ins import StandIns
from tests.unit.trees import write_tree

MODULE = {"tools/go/buildkit/go.mod": "module x\n", "tools/go/buildkit/sub/tools.go": "package tools\n"}
GO = """case "$1" in
  env) echo '{"GOVERSION": "go1.22.2"}' ;;
  build) while [ "$1" != -o ]; do shift; done; echo compiled >"$2" ;;
  *) exit 1 ;;
esac"""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(write_tree(tmp_path / "checkout", MODULE), tmp_path / "home")


def test_the_hash_follows_the_content_alone(paths: Paths, tmp_path: Path) -> None:
    before = pins_hash(paths, BUILDKIT)
    elsewhere = Paths(tmp_path / "deep" / "copy", tmp_path)
    shutil.copytree(paths.checkout, elsewhere.checkout)
    for file in elsewhere.checkout.rglob("*"):
        os.utime(file, (1, 1))
        file.chmod(0o700)
    assert pins_hash(elsewhere, BUILDKIT) == before


@pytest.mark.parametrize(
    "change",
    [
        {"tools/go/buildkit/go.mod": "module y\n"},
        {"tools/go/buildkit/go.sum": ""},
        # the same bytes in all, in other files
        {"tools/go/buildkit/go.mod": "module ", "tools/go/buildkit/sub/tools.go": "x\npackage tools\n"},
    ],
)
def test_the_hash_changes_with_every_file(paths: Paths, change: dict[str, str]) -> None:
    before = pins_hash(paths, BUILDKIT)
    write_tree(paths.checkout, change)
    assert pins_hash(paths, BUILDKIT) != before


def test_the_hash_changes_with_a_name(paths: Paths) -> None:
    before = pins_hash(paths, BUILDKIT)
    module = paths.checkout / "tools/go/buildkit"
    (module / "sub").rename(module / "top")
    assert pins_hash(paths, BUILDKIT) != before


def test_the_hash_changes_with_the_flags(paths: Paths) -> None:
    others = [
        BUILDKIT,
        replace(BUILDKIT, version="v9"),
        replace(BUILDKIT, more_stamps=(("example.org/x.Major", "1"),)),
        replace(BUILDKIT, copies=(("example.org/x", "a", "b"),)),
    ]
    assert len({pins_hash(paths, tool) for tool in others}) == len(others)


def test_binaries_appear_under_the_hash_of_their_pins(paths: Paths, stand_ins: StandIns) -> None:
    stand_ins.put("go", GO)
    step = go_tools.step(paths, BUILDKIT, "BuildKit")
    left = directory(paths, BUILDKIT).with_name(directory(paths, BUILDKIT).name + ".part")
    write_tree(left, {"buildkitd": "of a run that was killed"})
    assert step.found() is None
    assert step.run() == "v0.31.0 compiled"
    assert step.found() == "v0.31.0, compiled before"
    assert {file.name for file in directory(paths, BUILDKIT).iterdir()} == {"buildkitd", "buildctl"}
    assert [folder.name for folder in paths.tools.iterdir()] == [directory(paths, BUILDKIT).name]
    assert "-X github.com/moby/buildkit/version.Version=v0.31.0" in stand_ins.calls[1]


def test_a_failed_compilation_leaves_nothing_that_looks_finished(paths: Paths, stand_ins: StandIns) -> None:
    stand_ins.put("go", GO.replace('echo compiled >"$2"', "echo no such module >&2; exit 1"))
    step = go_tools.step(paths, BUILDKIT, "BuildKit")
    with pytest.raises(SetupError, match=r"buildkit v0.31.0 can't be compiled \(go ended with code 1\)") as caught:
        step.run()
    assert caught.value.log == "no such module"
    assert step.found() is None


def test_the_cli_brings_the_sdks_scripts(paths: Paths, stand_ins: StandIns, tmp_path: Path) -> None:
    scripts = {f"python/{script}": f"# {script}" for script in go_tools.SDK_SCRIPTS}
    sdk = write_tree(tmp_path / "sdk", scripts)
    (paths.checkout / "tools/go/pulumi").mkdir()
    stand_ins.put("go", GO.replace("*) exit 1", f"list) echo '{sdk}'"))
    go_tools.step(paths, PULUMI, "Pulumi CLI").run()
    for script in go_tools.SDK_SCRIPTS:
        assert (directory(paths, PULUMI) / "sdk" / script).read_text() == f"# {script}"


@pytest.mark.parametrize("version", ["go1.20.14", "go1.9", "?"])
def test_an_old_go_is_told_how_to_get_a_newer_one(paths: Paths, stand_ins: StandIns, version: str) -> None:
    stand_ins.put("go", f"""echo '{{"GOVERSION": "{version}"}}'""")
    with pytest.raises(SetupError, match=r"Go 1.21 or newer is missing: install it from https://go.dev/dl"):
        go_tools.step(paths, BUILDKIT, "BuildKit").run()


def test_a_development_go_is_new_enough(paths: Paths, stand_ins: StandIns) -> None:
    stand_ins.put("go", GO.replace("go1.22.2", "devel go1.26-abcdef"))
    assert go_tools.step(paths, BUILDKIT, "BuildKit").run() == "v0.31.0 compiled"
