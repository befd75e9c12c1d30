"""A stack on Kubernetes: as few calls of the CLI as can be, nothing of Docker, and what a killed run leaves."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from codeopen.errors import DeployError, RunFailedError, StackInUseError
from codeopen.platform.deploy.stack import Stack, Watch
from tests.unit.stand_ins import StandIns

WATCH = Watch(event=lambda _: None, note=lambda _: None)
CONFIGURATION = "config:\n  codeopen:cluster:\n    context: staging\n"
PENDING = {"pending_operations": [{"resource": {"urn": "urn:pulumi:s::codeopen::kubernetes:core/v1:Service::net"}}]}
# An operation runs the file `operation`; everything else does nothing.
PULUMI = """while [ "${1#--}" != "$1" ]; do [ "$1" = --cwd ] && shift; shift; done
case "$1 $2" in
  "stack export") cat "$HERE/export" ;;
  "stack import") cp "$6" "$HERE/imported"; echo '{"deployment": {}}' >"$HERE/export" ;;
  "stack "*) ;;
  *) for word; do [ "$last" = --event-log ] && events=$word; last=$word; done
     echo "$PULUMI_K8S_UPSERT_EXISTING_OBJECTS" >>"$HERE/adopting"; . "$HERE/operation" ;;
esac"""


@pytest.fixture
def pulumi(stand_ins: StandIns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}/backend")
    stand_ins.put("docker", "exit 1")
    stand_ins.put("pulumi", PULUMI)
    (stand_ins.folder / "export").write_text('{"deployment": {}}')
    (stand_ins.folder / "operation").write_text("true\n")
    return stand_ins


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    (tmp_path / "checkout").mkdir()
    return Stack("s", tmp_path / "checkout", tmp_path / "folder", CONFIGURATION)


def calls(pulumi: StandIns) -> list[str]:
    words = [call.split() for call in pulumi.calls]
    found = [next(word for word in line[1:] if word in {"up", "preview", "init", "export", "import"}) for line in words]
    pulumi.forget()
    return found


def adopting(pulumi: StandIns) -> list[str]:
    file = pulumi.folder / "adopting"
    found = file.read_text().splitlines()
    file.unlink()
    return found


def fail_once(pulumi: StandIns, script: str) -> None:
    """The next operation does this, the one after it nothing."""
    (pulumi.folder / "operation").write_text(f'[ -e "$HERE/failed" ] && exit 0\n: >"$HERE/failed"\n{script}\n')


def diagnostic(severity: str, message: str) -> str:
    entry = {"timestamp": 1, "diagnosticEvent": {"severity": severity, "message": message}}
    return f"printf '%s\\n' '{json.dumps(entry)}' >>\"$events\""


def test_a_run_is_one_call_and_the_first_one_two(stack: Stack, pulumi: StandIns) -> None:
    stack.up(WATCH)
    assert calls(pulumi) == ["init", "up"]
    stack.up(WATCH)
    stack.up(WATCH, preview=True)
    assert calls(pulumi) == ["up", "preview"]
    assert adopting(pulumi) == ["", "", ""]


def test_what_a_killed_run_began_is_forgotten_and_its_objects_taken_over(stack: Stack, pulumi: StandIns) -> None:
    (pulumi.folder / "operation").write_text("kill -9 $$\n")
    with pytest.raises(DeployError, match=f"code -{signal.SIGKILL.value};"):
        stack.up(WATCH)
    (pulumi.folder / "operation").write_text("true\n")
    (pulumi.folder / "export").write_text(json.dumps({"deployment": PENDING}))
    calls(pulumi), adopting(pulumi)
    told: list[str] = []
    stack.up(Watch(WATCH.event, told.append))
    assert calls(pulumi) == ["export", "export", "import", "up"]
    assert adopting(pulumi) == ["true"]
    assert told == ["a killed run was at net: this one does it again"]
    assert json.loads((pulumi.folder / "imported").read_text()) == {"deployment": {}}
    stack.up(WATCH)
    assert calls(pulumi) == ["up"], "all is well again"
    assert adopting(pulumi) == [""]


def test_a_run_that_failed_by_itself_leaves_nothing_to_put_right(stack: Stack, pulumi: StandIns) -> None:
    fail_once(pulumi, diagnostic("error", "exceeded quota") + "\nexit 1")
    with pytest.raises(RunFailedError) as caught:
        stack.up(WATCH)
    assert caught.value.errors == ("exceeded quota",)
    calls(pulumi)
    stack.up(WATCH)
    assert calls(pulumi) == ["up"]


def test_what_another_machines_killed_run_left_is_found_by_the_warning(stack: Stack, pulumi: StandIns) -> None:
    """It is found as the objects are in the way."""
    stack.up(WATCH)
    calls(pulumi), adopting(pulumi)
    (pulumi.folder / "export").write_text(json.dumps({"deployment": PENDING}))
    warning = "Attempting to deploy or update resources with 1 pending operations from previous deployment."
    fail_once(pulumi, f"{diagnostic('warning', warning)}\n{diagnostic('error', 'it exists already')}\nexit 1")
    stack.up(WATCH)
    assert calls(pulumi) == ["up", "export", "export", "import", "up"]
    assert adopting(pulumi) == ["", "true"]


def test_a_caller_may_ask_to_take_over(stack: Stack, pulumi: StandIns) -> None:
    stack.up(WATCH, adopt=True)
    assert adopting(pulumi) == ["true"]


def test_a_lock_that_only_the_backend_knows_is_told_as_one(stack: Stack, pulumi: StandIns) -> None:
    fail_once(pulumi, "echo 'error: the stack is currently locked by 1 lock(s).'; exit 1")
    with pytest.raises(StackInUseError):
        stack.up(WATCH)


def test_warnings_are_told_while_it_runs(stack: Stack, pulumi: StandIns) -> None:
    (pulumi.folder / "operation").write_text(diagnostic("warning", "the disk stays at 40 GB") + "\n")
    told: list[str] = []
    stack.up(Watch(WATCH.event, WATCH.note, told.append))
    assert told == ["the disk stays at 40 GB"]


def test_a_run_that_is_to_stop_is_interrupted_and_waited_for(stack: Stack, pulumi: StandIns) -> None:
    (pulumi.folder / "operation").write_text(
        'trap \'echo ended >"$HERE/ended"; exit 0\' INT; echo $$ >"$HERE/pid"; while :; do sleep 0.05; done\n'
    )
    with pytest.raises(DeployError, match="interrupted"):
        stack.up(Watch(WATCH.event, WATCH.note, stopped=(pulumi.folder / "pid").exists))
    assert (pulumi.folder / "ended").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int((pulumi.folder / "pid").read_text()), 0)


def test_what_the_stack_does_not_hold_goes_before_the_stack(stack: Stack, pulumi: StandIns) -> None:
    def fail() -> None:
        raise DeployError("the namespace is still there")

    with pytest.raises(DeployError, match="still there"):
        stack.remove(WATCH, fail)
    assert not any(" rm " in call for call in pulumi.calls), "another try is possible"
    stack.remove(WATCH)
    assert "stack rm" in pulumi.calls[-1]


def test_a_stack_is_made_with_its_own_provider_of_secrets(stack: Stack, pulumi: StandIns) -> None:
    """Else the CLI would ask for a passphrase."""
    text = f"secretsprovider: awskms://alias/codeopen\n{CONFIGURATION}"
    Stack("s", stack.checkout, stack.folder, text).up(WATCH)
    assert pulumi.calls[0].endswith("stack init s --no-select --secrets-provider awskms://alias/codeopen")
