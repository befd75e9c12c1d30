from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pulumi.runtime.proto import language_pb2

from fallback_plugins.interpreter import activated, find_interpreter
from fallback_plugins.language_host import LanguageHost
from provider.protocol.values import to_struct
from tests.unit.provider.context import FakeContext

ECHO = """
import json, os, sys
names = ("PULUMI_CONFIG", "PULUMI_CONFIG_SECRET_KEYS", "VIRTUAL_ENV")
with open("seen.json", "w") as out:
    json.dump({"arguments": sys.argv[1:], **{name: os.environ.get(name) for name in names}}, out)
sys.exit(int(os.environ.get("EXIT_CODE", "0")))
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[LanguageHost]:
    script = tmp_path / "exec"
    script.write_text(ECHO)
    host = LanguageHost("127.0.0.1:1", script)
    yield host
    host.close()


@pytest.fixture
def project(tmp_path: Path) -> Any:
    """A project whose virtual environment is the one that runs the tests."""
    (tmp_path / "venv").symlink_to(Path(sys.prefix))
    options = to_struct({"virtualenv": "venv"})
    return language_pb2.ProgramInfo(
        root_directory=str(tmp_path), program_directory=str(tmp_path), entry_point=".", options=options
    )


def run(host: LanguageHost, project: Any) -> Any:
    request = language_pb2.RunRequest(
        project="p", stack="dev", pwd=project.root_directory, monitor_address="127.0.0.1:2", dryRun=True, parallel=7,
        config={"p:a": "1"}, configSecretKeys=["p:a"], info=project, args=["extra"],
    )  # fmt: skip
    return host.Run(request, FakeContext())


def test_a_program_gets_its_arguments_and_configuration(host: LanguageHost, project: Any, tmp_path: Path) -> None:
    response = run(host, project)
    assert (response.error, response.bail) == ("", False)
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["arguments"] == [
        "--monitor", "127.0.0.1:2", "--engine", "127.0.0.1:1", "--project", "p", "--root_directory", str(tmp_path),
        "--stack", "dev", "--pwd", str(tmp_path), "--parallel", "7", "--dry_run", "true", ".", "extra",
    ]  # fmt: skip
    assert json.loads(seen["PULUMI_CONFIG"]) == {"p:a": "1"}
    assert json.loads(seen["PULUMI_CONFIG_SECRET_KEYS"]) == ["p:a"]
    assert seen["VIRTUAL_ENV"] == str(tmp_path / "venv")


@pytest.mark.parametrize(
    ("code", "error", "bail"), [("32", "", True), ("1", "Program exited with non-zero exit code: 1", False)]
)
def test_a_failure_is_reported_once(
    host: LanguageHost, project: Any, monkeypatch: pytest.MonkeyPatch, code: str, error: str, *, bail: bool
) -> None:
    monkeypatch.setenv("EXIT_CODE", code)
    response = run(host, project)
    assert (response.error, response.bail) == (error, bail)


def test_a_missing_virtual_environment_is_named(host: LanguageHost, project: Any) -> None:
    project.options.update({"virtualenv": "nowhere"})
    assert "the virtual environment 'nowhere'" in run(host, project).error


def test_a_plugin_in_source_form_is_run_and_streamed(host: LanguageHost, project: Any, tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text(
        "import os, sys\nprint(sys.argv[1], os.environ['X'])\nprint('oops', file=sys.stderr)\nsys.exit(3)\n"
    )
    request = language_pb2.RunPluginRequest(pwd=str(tmp_path), args=["hello"], env=["X=y"], info=project)
    answers = list(host.RunPlugin(request, FakeContext()))
    assert b"".join(answer.stdout for answer in answers) == b"hello y\n"
    assert b"".join(answer.stderr for answer in answers) == b"oops\n"
    assert answers[-1].exitcode == 3


def test_no_child_outlives_the_host(host: LanguageHost, project: Any, tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("import time\nprint('up', flush=True)\ntime.sleep(60)\n")
    request = language_pb2.RunPluginRequest(pwd=str(tmp_path), info=project, env=["X=y"])
    answers: list[Any] = []
    reader = Thread(target=lambda: answers.extend(host.RunPlugin(request, FakeContext())))
    reader.start()
    deadline = time.monotonic() + 10
    while not answers and time.monotonic() < deadline:
        time.sleep(0.01)
    host.close()
    reader.join(timeout=10)
    assert not reader.is_alive()
    assert answers[-1].exitcode == -15


def test_the_programs_packages_are_listed(host: LanguageHost, project: Any) -> None:
    answer = host.GetProgramDependencies(language_pb2.GetProgramDependenciesRequest(info=project), FakeContext())
    assert "pulumi" in {dependency.name for dependency in answer.dependencies}
    about = host.About(language_pb2.AboutRequest(info=project), FakeContext())
    assert about.version == ".".join(str(part) for part in sys.version_info[:3])


def test_no_plugin_is_asked_for_in_advance(host: LanguageHost) -> None:
    assert list(host.GetRequiredPackages(None, FakeContext()).packages) == []


def test_without_options_the_command_on_path_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PULUMI_PYTHON_CMD", sys.executable)
    assert find_interpreter(language_pb2.ProgramInfo(root_directory=str(tmp_path))) == Path(sys.executable)
    monkeypatch.setenv("PULUMI_PYTHON_CMD", "no-such-python")
    with pytest.raises(FileNotFoundError, match="no no-such-python on PATH"):
        find_interpreter(language_pb2.ProgramInfo(root_directory=str(tmp_path)))


def test_an_interpreter_outside_a_virtual_environment_changes_nothing(tmp_path: Path) -> None:
    environment = {"PATH": "/bin", "PYTHONHOME": "/x"}
    assert activated(environment, tmp_path / "bin" / "python") == environment
