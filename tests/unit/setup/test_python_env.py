from __future__ import annotations

import sys
from pathlib import Path

import pytest

import python_env
from commands import SetupError
from paths import Paths
from tests.unit.stand_ins import StandIns
from tests.unit.trees import write_tree

PYTHON = """case "$*" in
  *"-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  *--require-hashes*) test ! -e "$HERE/refuse" || { echo 'hash mismatch' >&2; exit 1; } ;;
esac"""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(write_tree(tmp_path / "checkout", {"requirements.lock": "a==1\n", "pyproject.toml": ""}), tmp_path)


@pytest.fixture
def python(stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    """An interpreter that notes what it is asked for, also as the environment's own."""
    monkeypatch.setattr(sys, "executable", str(stand_ins.put("python", PYTHON)))
    return stand_ins


def test_an_environment_is_made_from_the_lock_file_once(paths: Paths, python: StandIns) -> None:
    step = python_env.step(paths)
    assert step.found() is None
    assert step.run() == "installed from requirements.lock"
    made, locked, own = python.calls
    assert made == f"python -m venv {paths.venv}"
    assert locked.endswith(f"--require-hashes -r {paths.checkout}/requirements.lock")
    assert own.endswith(f"--no-deps --no-build-isolation --no-index --editable {paths.checkout}")
    assert python_env.step(paths).found() == "unchanged"


@pytest.mark.parametrize("file", ["requirements.lock", "pyproject.toml"])
def test_a_changed_file_installs_again(paths: Paths, python: StandIns, file: str) -> None:
    assert python
    python_env.step(paths).run()
    (paths.checkout / file).write_text("changed")
    assert python_env.step(paths).found() is None


def test_an_environment_without_its_interpreter_is_made_again(paths: Paths, python: StandIns) -> None:
    assert python
    python_env.step(paths).run()
    (paths.venv / "bin/python").unlink()
    assert python_env.step(paths).found() is None


def test_a_failed_installation_is_not_taken_for_a_whole_one(paths: Paths, python: StandIns) -> None:
    (python.folder / "refuse").touch()
    with pytest.raises(SetupError, match="The locked Python packages can't be installed") as caught:
        python_env.step(paths).run()
    assert caught.value.log == "hash mismatch"
    assert python_env.step(paths).found() is None


def test_a_python_without_venv_is_told_how_to_get_it(
    paths: Paths, stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(stand_ins.put("python", "exit 1")))
    with pytest.raises(SetupError, match=r"apt-get install python3-venv"):
        python_env.step(paths).run()
