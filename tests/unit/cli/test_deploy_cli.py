"""``codeopen up``, ``down`` and ``status`` on a stack that stands in for one of the Pulumi CLI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codeopen.cli import deploy
from codeopen.cli.main import main
from codeopen.errors import DeployError, RunFailedError
from codeopen.platform.deploy.events import Event
from codeopen.platform.deploy.report import ImageRow, ProjectRow
from codeopen.platform.deploy.stack import Watch
from tests.unit.cli.project_stand_ins import platform_state

IMAGES = [
    ImageRow("base", "l/codeopen-base:1", f"l/codeopen-base@sha256:{'a1' * 32}", 681_400_000, 242_000_000, "built", 61),
    ImageRow("js", "l/codeopen-js:1", f"l/codeopen-js@sha256:{'b2' * 32}", 1_000_000_000, 300_500_000, "unchanged", 0),
]
PROJECTS = [ProjectRow("demo", "http://localhost:29536", "1", "2Gi", 20, "healthy")]
TABLE = """\
IMAGE                           UNPACKED  COMPRESSED  WORK       TIME
l/codeopen-base:1@a1a1a1a1a1a1  681 MB    242 MB      built      61 s
l/codeopen-js:1@b2b2b2b2b2b2    1000 MB   300 MB      unchanged
"""
PROJECT_TABLE = """
PROJECT  OPENCODE                CPU  MEMORY  STORAGE  HEALTH
demo     http://localhost:29536  1    2Gi     20 GB    healthy
Docker does not limit a project's disk: STORAGE is the tier's size, which only Kubernetes enforces.
"""


def event(operation: str, kind: str, name: str, *, failed: bool = False) -> Event:
    return Event(operation, kind, name, 3, built=False, failed=failed)


EVENTS = (
    event("same", "docker:index/volume:Volume", "kept"),
    event("read", "docker:index/image:Image", "read"),
    event("create", "docker:index/network:Network", "net"),
    event("create-replacement", "docker:index/container:Container", "demo"),
    event("replace", "docker:index/container:Container", "demo"),
    event("delete-replaced", "docker:index/container:Container", "demo"),
    event("create", "codeopen:local:ProjectStack", "component"),
)


class StandIn:
    """Stands in for a stack: tells the events that a test gives it, and notes what it is asked for."""

    name: str
    checkout: Path

    def __init__(self) -> None:
        self.events: tuple[Event, ...] = EVENTS
        self.asked: list[str] = []
        self.places: tuple[str, Path, Path] | None = None
        self.error: DeployError | None = None

    def __call__(self, name: str, checkout: Path, folder: Path) -> StandIn:
        self.places = (name, checkout, folder)
        self.name, self.checkout = name, checkout
        return self

    def _operate(self, asked: str, watch: Watch) -> tuple[Event, ...]:
        self.asked.append(asked)
        for each in self.events:
            watch.event(each)
        if self.error:
            raise self.error
        return self.events

    def up(self, watch: Watch, *, preview: bool = False) -> tuple[Event, ...]:
        return self._operate("preview" if preview else "up", watch)

    def state(self) -> dict[str, Any]:
        return platform_state("shop", "mug", workload=False)

    def down(self, watch: Watch) -> tuple[Event, ...]:
        return self._operate("down", watch)

    def outputs(self) -> dict[str, Any]:
        self.asked.append("outputs")
        return {}


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn()
    monkeypatch.setattr(deploy, "Stack", stand_in)
    monkeypatch.setattr(deploy, "list_images", lambda *_: IMAGES)
    monkeypatch.setattr(deploy, "list_projects", lambda *_: PROJECTS)
    monkeypatch.setenv("CODEOPEN_STACK", "offline")
    return stand_in


def call(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(argv)
    told = capsys.readouterr()
    return code, told.out, told.err


def test_up_tells_changes_as_they_happen_and_ends_with_the_tables(
    stack: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call(capsys, "up")
    assert (code, out) == (0, TABLE + PROJECT_TABLE)
    assert stack.asked == ["up", "outputs"]
    assert err.splitlines()[1:3] == [
        "  create   Network        net (3 s)",
        "  create-replacement Container      demo (3 s)",
    ]
    assert "kept" not in err
    assert "component" not in err


def test_a_failed_resource_is_told_at_once(stack: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    stack.events = (event("create", "docker:index/network:Network", "net", failed=True),)
    stack.error = RunFailedError("pulumi up of stack offline failed with code 255", ())
    assert call(capsys, "up") == (
        1,
        "",
        "  failed to create   Network        net (3 s)\npulumi up of stack offline failed with code 255\n",
    )
    assert stack.asked == ["up"]


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_project_that_left_the_list_of_a_cluster_is_told_with_what_to_do(
    stack: StandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """The CLI names a resource, and advises what would lose track of the disk."""
    monkeypatch.setattr(deploy, "read_stack_values", lambda *_: {"projects": [{"id": "mug"}]})
    protected = 'pulumi up failed\nresource "urn::project-shop-storage" cannot be deleted\nbecause it is protected.'
    stack.error = RunFailedError(protected, (protected,))
    code, _, told = call(capsys, "up", *words)
    assert code == 4
    assert "project 'shop': it is no longer in codeopen:projects" in told
    assert "`state: removed`, or delete them for ever by `codeopen project remove shop --with-data --yes`" in told
    assert told.endswith(f"{protected}\n")
    assert "'mug'" not in told
    monkeypatch.setattr(deploy, "read_stack_values", lambda *_: {"projects": [{"id": "mug"}, {"id": "shop"}]})
    assert call(capsys, "up", *words)[2].endswith(f"\n{protected}\n")
    assert "no longer" not in call(capsys, "up", *words)[2]


def test_a_stack_without_projects_has_one_table(
    stack: StandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stack
    monkeypatch.setattr(deploy, "list_projects", lambda *_: [])
    assert call(capsys, "status") == (0, TABLE, "")


@pytest.mark.parametrize("command", ["up", "status"])
def test_programs_get_every_field(stack: StandIn, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert stack
    code, out, _ = call(capsys, command, "--format", "json")
    data = json.loads(out)
    assert (code, list(data)) == (0, ["images", "projects"])
    assert data["images"][0] == {
        "part": "base",
        "image": "l/codeopen-base:1",
        "reference": f"l/codeopen-base@sha256:{'a1' * 32}",
        "unpacked_bytes": 681_400_000,
        "compressed_bytes": 242_000_000,
        "work": "built",
        "seconds": 61,
    }
    assert data["projects"] == [
        {
            "project": "demo",
            "url": "http://localhost:29536",
            "cpu": "1",
            "memory": "2Gi",
            "storage_gb": 20,
            "health": "healthy",
        }
    ]


def test_status_changes_nothing(stack: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "status")[0] == 0
    assert stack.asked == ["outputs"]


@pytest.mark.parametrize(("argv", "asked"), [(("up", "--dry-run"), "preview"), (("down",), "down")])
def test_changes_are_counted_by_resource(
    stack: StandIn, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], asked: str
) -> None:
    assert call(capsys, *argv)[:2] == (0, "3 resources change\n")
    data = json.loads(call(capsys, *argv, "--format", "json")[1])
    assert list(data) == ["changes"]
    assert data["changes"][0] == {"operation": "create", "type": "docker:index/network:Network", "name": "net"}
    assert len(data["changes"]) == 5, "a replacement is three events"
    stack.events = (event("create", "docker:index/network:Network", "net"),)
    assert call(capsys, *argv)[1] == "1 resource changes\n"
    stack.events = EVENTS[:2]
    assert call(capsys, *argv)[1] == "nothing changes\n"
    assert json.loads(call(capsys, *argv, "--format", "json")[1]) == {"changes": []}
    assert set(stack.asked) == {asked}


def test_the_stack_is_that_of_the_checkout_beside_the_catalog(
    stack: StandIn, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call(capsys, "status")
    assert stack.places == ("offline", tmp_path, tmp_path / ".codeopen/stacks")
    call(capsys, "status", "--stack", "dev", "--catalog", "other/catalog")
    assert stack.places == ("dev", tmp_path / "other", tmp_path / "other/.codeopen/stacks")


@pytest.mark.parametrize("command", ["up", "down", "status"])
@pytest.mark.parametrize("chosen", [None, ""])
def test_without_a_stack_it_is_wrong_usage(
    stack: StandIn,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    chosen: str | None,
) -> None:
    monkeypatch.delenv("CODEOPEN_STACK")
    if chosen is not None:
        monkeypatch.setenv("CODEOPEN_STACK", chosen)
    code, out, err = call(capsys, command)
    assert (code, out) == (2, "")
    assert "the following arguments are required: --stack" in err
    assert stack.asked == []
