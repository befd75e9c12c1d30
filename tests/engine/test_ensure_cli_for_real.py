"""Commands that find and make images, on a real stack: those of have-a-combination-made.md and the build scripts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from codeopen.images.registry.registry import Registry
from tests.engine.synthetic_parts import broken_parts
from tests.live import ROOT, LiveStack
from tests.unit.images.registry.real_registry import distribution_3, serving

PAGE = ROOT / "docs" / "how-to" / "have-a-combination-made.md"


@pytest.fixture(scope="module")
def environment(live: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """`codeopen` of this checkout's code, for the stack `live`."""
    folder = tmp_path_factory.mktemp("programs")
    program = folder / "codeopen"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m codeopen.cli "$@"\n')
    program.chmod(0o755)
    return {**os.environ, **live.environment, "CODEOPEN_STACK": live.name, "PATH": f"{folder}:{os.environ['PATH']}"}


def run(command: str, live: LiveStack, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=live.checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def test_the_page_does_what_it_says(live: LiveStack, environment: dict[str, str]) -> None:
    # The block of kubectl runs in tests/cluster/test_lease_lock.py: it needs a cluster. That of the oracle builds parts
    # for an hour: tests/docs/test_how_to.py looks at its words.
    blocks = re.findall(r"^```sh\n(?!kubectl|codeopen part test)(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    done = [run(block, live, environment) for block in blocks]
    assert [each.stderr for each in done if each.returncode] == []
    reference = live.outputs()["images"]["js-db"]["reference"]
    assert done[0].stdout == f"{reference}\n"
    assert re.search(r"codeopen-js-db +\S+ +found", done[1].stdout)
    assert json.loads(done[2].stdout)["how"] == "found"
    assert re.search(r"js +addon-databases +composed +(gate only|proved)", done[3].stdout)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("build-base.sh --dry-run", r"codeopen-base +\S+ +found"),
        ("build-flavor.sh js --dry-run", r"codeopen-js +\S+ +found"),
        ("build-addon.sh js databases", r"/codeopen-js-db@sha256:\w{64}"),
        ("build-on-demand.sh --flavor=js --addons=databases", r"/codeopen-js-db@sha256:\w{64}"),
        ("build.sh --dry-run", r"codeopen-polyglot-db-gui +\S+ +compose"),
        ("config.sh", r"stack \w+"),
        ("push.sh --to localhost:1/acme base", r"can't be reached|no answer|refused"),
    ],
)
def test_the_build_scripts_are_the_same_code(
    live: LiveStack, environment: dict[str, str], command: str, said: str
) -> None:
    prepared = live.checkout / ".codeopen" / "env"
    prepared.parent.mkdir(exist_ok=True)
    prepared.write_text("")
    own = {**environment, "STACK": live.name}
    done = run(f"./docker/scripts/{command}", live, own)
    assert re.search(said, done.stdout + done.stderr), done
    assert (done.returncode == 0) is not command.startswith("push")


def test_a_stack_that_was_pushed_is_whole_elsewhere(
    live: LiveStack, environment: dict[str, str], tmp_path: Path
) -> None:
    with serving(distribution_3(), tmp_path) as elsewhere:
        push = f"codeopen push --to {elsewhere.host}/acme addon-databases --format json"
        (first,) = json.loads(run(push, live, environment).stdout)["images"]
        (again,) = json.loads(run(push, live, environment).stdout)["images"]
        assert (first["work"], again["work"]) == ("copied", "there")
        reference = f"{elsewhere.host}/acme/codeopen-addon-databases@{first['digest']}"
        assert broken_parts(Registry(elsewhere.host), reference) == []


def test_that_one_caller_builds_nothing_is_no_failure_for_others(live: LiveStack, environment: dict[str, str]) -> None:
    command = "codeopen ensure --flavor js --addon jvm --no-build"
    both = [run(f"{command} & {command} & wait", live, environment) for _ in range(2)]
    told = "".join(each.stderr for each in both)
    assert told.count("has no addon-jvm, and nothing may be built (--no-build)") >= 4
    assert "a moment ago" not in told


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("ensure --flavor jss", 5, "flavor 'jss': the catalog has none of that id.*js"),
        ("ensure --flavor js --addon gui,nothing", 5, "add-on 'nothing': the catalog has none of that id"),
        (
            "ensure --flavor js --addon jvm --no-build",
            5,
            "has no addon-jvm, and nothing may be built",
        ),
        ("ensure --flavor js --addon gui --lock postgres", 4, "set CODEOPEN_LOCK_DATABASE"),
        ("push --to ghcr.io base", 2, "write the registry and the owner, as ghcr.io/acme"),
    ],
)
def test_mistakes_are_told(live: LiveStack, environment: dict[str, str], words: str, code: int, message: str) -> None:
    done = run(f"codeopen {words}", live, environment)
    assert done.returncode == code
    assert re.search(message, done.stderr), done.stderr
    assert "Traceback" not in done.stderr
