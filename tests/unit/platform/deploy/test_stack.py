"""The stack's commands against a stand-in for the Pulumi CLI, which notes its arguments and writes an event log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codeopen.errors import ClusterError, DeployError, UnknownStackError
from codeopen.platform.deploy.events import Event
from codeopen.platform.deploy.stack import Stack, Watch
from tests.unit.stand_ins import StandIns
from tests.unit.trees import write_tree

CHECKOUT = Path(__file__).parents[4]
WATCH = Watch(event=lambda _: None, note=lambda _: None)
COMMITTED = "config:\n  codeopen:projects: []\n"
URN = "urn:pulumi:dev::codeopen::docker:index/network:Network::net"
CREATED = {
    "timestamp": 1,
    "resOutputsEvent": {"metadata": {"op": "create", "urn": URN, "type": "docker:index/network:Network"}},
}
ERROR = {"timestamp": 1, "diagnosticEvent": {"severity": "error", "message": 'no builder "codeopen"\n'}}
# Knows the stacks in the file `stacks`; an operation runs the file `operation` with the event log's name.
PULUMI = """while [ "${1#--}" != "$1" ]; do [ "$1" = --cwd ] && cd "$2" && shift; shift; done
case "$1 $2" in
  "stack init")
    if grep -qx "$3" "$HERE/stacks"; then echo "error: stack 'organization/codeopen/$3' already exists" >&2; exit 1; fi
    echo "encryptionsalt: v1:new" >"Pulumi.$3.yaml"; echo "$3" >>"$HERE/stacks" ;;
  "stack rm" | "state unprotect" | "stack import") ;;
  "stack export")
    grep -qx "$4" "$HERE/stacks" || { echo "error: no stack named '$4' found" >&2; exit 6; }
    cat "$HERE/export" ;;
  "stack output")
    test ! -e "$HERE/outputs" || exec cat "$HERE/outputs"
    echo "error: no stack named 'dev'" >&2; exit 6 ;;
  *) for word; do
       case "$last" in --event-log) events=$word ;; --config-file) config=$word ;; esac
       last=$word
     done
     grep -qx "$3" "$HERE/stacks" || [ "$2" != --stack ] || { echo "error: no stack named '$3' found"; exit 6; }
     cp "$config" "$HERE/config"; echo "debug=$PULUMI_DEBUG_COMMANDS"; . "$HERE/operation" ;;
esac"""


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    tree = {"stacks/Pulumi.dev.yaml": COMMITTED, "stacks/Pulumi.offline.yaml": COMMITTED, "stacks/program.py": ""}
    return Stack("dev", write_tree(tmp_path / "checkout", tree), tmp_path / "checkout/.codeopen/stacks")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may reach this machine's own state or programs, whatever goes wrong."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}/backend")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


@pytest.fixture
def pulumi(elsewhere: None, stand_ins: StandIns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    assert elsewhere is None
    StandIns(tmp_path / "engine", monkeypatch).put("docker")  # an Engine that holds nothing
    stand_ins.put("pulumi", PULUMI)
    (stand_ins.folder / "stacks").write_text("")
    (stand_ins.folder / "export").write_text('{"deployment": {}}')
    operation(stand_ins, f"printf '%s\\n' '{json.dumps(CREATED)}' >\"$events\"")
    return stand_ins


def operation(pulumi: StandIns, script: str) -> None:
    (pulumi.folder / "operation").write_text(script + "\n")


def salted(stack: Stack) -> str:
    return (stack.folder / f"Pulumi.{stack.name}.yaml").read_text()


def test_a_stack_is_made_on_first_use_and_the_committed_file_left_alone(stack: Stack, pulumi: StandIns) -> None:
    told: list[Event] = []
    events = stack.up(Watch(told.append, WATCH.note))
    assert [event.name for event in events] == ["net"]
    assert tuple(told) == events
    assert (stack.checkout / "stacks/Pulumi.dev.yaml").read_text() == COMMITTED
    assert salted(stack) == COMMITTED + "encryptionsalt: v1:new\n"
    assert (pulumi.folder / "config").read_text() == salted(stack), "the CLI reads this machine's copy"
    made, exported, applied = pulumi.calls
    assert exported == "pulumi --non-interactive stack export --stack dev"
    assert made.endswith("stack init dev --no-select")
    assert "--cwd" in made
    assert str(stack.checkout) not in made
    assert applied.startswith(f"pulumi up --stack dev --config-file {stack.folder}/Pulumi.dev.yaml --non-interactive")
    assert applied.endswith("--yes --skip-preview")
    assert stack.log.read_text() == "debug=true\n"


def test_some_resources_are_removed_after_what_else_goes(stack: Stack, pulumi: StandIns) -> None:
    """Should that fail, the stack has them still: the next try begins there."""
    stack.up(WATCH)
    pulumi.forget()

    def fail() -> None:
        raise ClusterError("still there")

    with pytest.raises(ClusterError):
        stack.remove_resources(["urn:a", "urn:b"], WATCH, fail)
    assert not any("unprotect" in call or "destroy" in call for call in pulumi.calls)
    assert [event.name for event in stack.remove_resources(["urn:a", "urn:b"], WATCH, lambda: None)] == ["net"]
    unprotect, destroy = (call for call in pulumi.calls if "export" not in call)
    assert unprotect == "pulumi --non-interactive state unprotect urn:a urn:b --yes --stack dev"
    assert destroy.startswith("pulumi destroy --target urn:a --target urn:b --stack dev ")


def test_a_second_use_keeps_the_salt_and_takes_the_new_configuration(stack: Stack, pulumi: StandIns) -> None:
    stack.up(WATCH)
    pulumi.forget()
    changed = COMMITTED + "  codeopen:owner: me\n"
    (stack.checkout / "stacks/Pulumi.dev.yaml").write_text(changed)
    stack.up(WATCH)
    assert not any("stack init" in call for call in pulumi.calls)
    assert salted(stack) == changed + "encryptionsalt: v1:new\n"


def test_a_committed_salt_comes_first(stack: Stack, pulumi: StandIns) -> None:
    """Committed secrets can be read with no other."""
    assert pulumi
    (stack.checkout / "stacks/Pulumi.dev.yaml").write_text("encryptionsalt: v1:committed\n" + COMMITTED)
    for _ in range(2):
        stack.up(WATCH)
        assert salted(stack) == COMMITTED + "encryptionsalt: v1:committed\n"


def test_a_stack_that_another_machine_made_is_taken_as_it_is(stack: Stack, pulumi: StandIns) -> None:
    (pulumi.folder / "stacks").write_text("dev\n")
    assert [event.name for event in stack.up(WATCH)] == ["net"]
    assert salted(stack) == COMMITTED, "the CLI takes the salt of the state"


@pytest.mark.parametrize("preview", [False, True])
def test_a_stack_that_the_backend_lost_is_made_again(stack: Stack, pulumi: StandIns, *, preview: bool) -> None:
    stack.up(WATCH)
    (pulumi.folder / "stacks").write_text("dev2\n")
    pulumi.forget()
    assert [event.name for event in stack.up(WATCH, preview=preview)] == ["net"]
    assert sum("stack init dev" in call for call in pulumi.calls) == 1


@pytest.mark.parametrize("call", ["up", "down", "outputs"])
def test_an_unknown_stack_lists_the_known_ones(stack: Stack, pulumi: StandIns, call: str) -> None:
    unknown = Stack("devv", stack.checkout, stack.folder)
    with pytest.raises(
        UnknownStackError, match=r"stack 'devv': .*Pulumi.devv.yaml does not exist; take one of dev, offline$"
    ):
        unknown.outputs() if call == "outputs" else getattr(unknown, call)(WATCH)
    assert pulumi.calls == []


def test_a_preview_asks_for_no_confirmation_and_down_spares_what_is_protected(stack: Stack, pulumi: StandIns) -> None:
    stack.up(WATCH, preview=True)
    assert pulumi.calls[-1].startswith("pulumi preview ")
    assert "--yes" not in pulumi.calls[-1]
    stack.down(WATCH)
    assert pulumi.calls[-1].startswith("pulumi destroy --exclude-protected ")
    assert pulumi.calls[-1].endswith("--yes --skip-preview")


def test_events_of_an_earlier_run_are_not_told_again(stack: Stack, pulumi: StandIns) -> None:
    stack.up(WATCH)
    operation(pulumi, "true")
    assert stack.up(WATCH) == ()


@pytest.mark.parametrize("code", [1, 2, 4, 255])
def test_a_failure_tells_the_errors_of_the_event_log(stack: Stack, pulumi: StandIns, code: int) -> None:
    operation(pulumi, f"printf '%s\\n' '{json.dumps(ERROR)}' >\"$events\"; echo noise; exit {code}")
    with pytest.raises(DeployError) as caught:
        stack.up(WATCH)
    assert str(caught.value) == (
        f'pulumi up of stack dev failed with code {code}; all of it: {stack.log}\nno builder "codeopen"'
    )


def test_a_failure_without_events_ends_with_the_logs_last_lines(stack: Stack, pulumi: StandIns) -> None:
    operation(pulumi, "seq 1 50; echo '@ updating....'; echo 'error: the stack is currently locked'; exit 1")
    with pytest.raises(DeployError) as caught:
        stack.down(WATCH)
    first, *lines = str(caught.value).splitlines()
    assert first.startswith("pulumi destroy of stack dev failed with code 1; ")
    assert lines == [*(str(number) for number in range(32, 51)), "error: the stack is currently locked"]


def test_outputs_are_read(stack: Stack, pulumi: StandIns) -> None:
    (pulumi.folder / "outputs").write_text('{"images": {}}')
    assert stack.outputs() == {"images": {}}
    assert pulumi.calls == ["pulumi --non-interactive stack output --json --stack dev"]
    (pulumi.folder / "outputs").unlink()
    with pytest.raises(DeployError, match="pulumi stack output --json --stack dev: error: no stack named 'dev'"):
        stack.outputs()


def test_a_missing_cli_is_told(stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeployError, match="pulumi is not on PATH; run `make setup`"):
        stack.up(WATCH)


def test_a_cli_that_cannot_be_started_is_told(
    stack: Stack, stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(stand_ins.folder))  # else the next one on PATH is started
    stand_ins.put("pulumi").write_bytes(b"\x7fELF no program")
    with pytest.raises(DeployError, match=r"pulumi can't be started \(Exec format error\); run `make setup`"):
        stack.up(WATCH)


def test_a_listener_that_fails_leaves_no_cli_behind(stack: Stack, pulumi: StandIns) -> None:
    def fail(_: Event) -> None:
        raise BrokenPipeError

    operation(
        pulumi,
        f"""echo $$ >"$HERE/pid"; trap 'echo ended >"$HERE/ended"; exit 0' INT
printf '%s\\n' '{json.dumps(CREATED)}' >"$events"; while :; do sleep 0.05; done""",
    )
    with pytest.raises(BrokenPipeError):
        stack.up(Watch(fail, WATCH.note))
    assert (pulumi.folder / "ended").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int((pulumi.folder / "pid").read_text()), 0)


PROGRAM = """
import sys
from pathlib import Path
from codeopen.platform.deploy import stack
checkout = Path(sys.argv[1])
try:
    stack.Stack("dev", checkout, checkout / ".codeopen/stacks").up(stack.Watch(lambda _: None, print))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("interrupts", [1, 2])
def test_each_interrupt_reaches_the_cli_once(stack: Stack, pulumi: StandIns, interrupts: int) -> None:
    """The first lets it finish what it began, the second ends it: so a single ctrl-C must never count twice."""
    operation(
        pulumi,
        f"""count=0; trap 'count=$((count+1)); echo $count >"$HERE/count"' INT
: >"$HERE/count"; while [ $count -lt {interrupts} ]; do sleep 0.05; done; sleep 0.3; exit 1""",
    )
    command = [sys.executable, "-c", PROGRAM, str(stack.checkout)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, process_group=0)
    wait_for(pulumi.folder / "count", "")
    for number in range(1, interrupts + 1):
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole foreground group
        wait_for(pulumi.folder / "count", f"{number}\n")
    assert process.wait(10) == 130
    assert (pulumi.folder / "count").read_text() == f"{interrupts}\n"


def wait_for(file: Path, content: str) -> None:
    deadline = time.monotonic() + 10
    while not (file.exists() and file.read_text() == content):
        assert time.monotonic() < deadline, f"{file} never held {content!r}"
        time.sleep(0.02)


def test_a_stack_can_have_its_configuration_from_elsewhere(stack: Stack, pulumi: StandIns) -> None:
    own = Stack("dev-trial", stack.checkout, stack.folder, "config:\n  codeopen:owner: me\n")
    own.up(WATCH)
    assert (pulumi.folder / "config").read_text() == "config:\n  codeopen:owner: me\nencryptionsalt: v1:new\n"
    assert not (stack.checkout / "stacks/Pulumi.dev-trial.yaml").exists()
    (pulumi.folder / "outputs").write_text("{}")
    assert own.outputs() == {}


def test_removing_a_stack_spares_nothing(stack: Stack, pulumi: StandIns) -> None:
    stack.up(WATCH)
    pulumi.forget()
    assert [event.name for event in stack.remove(WATCH)] == ["net"]
    calls = [call.removeprefix("pulumi ").removeprefix("--non-interactive ") for call in pulumi.calls]
    order = [call for call in calls if not call.startswith(("stack ls", "stack export"))]
    unprotect, destroy, removal = order
    assert unprotect == "state unprotect --all --yes --stack dev"
    assert destroy.startswith("destroy --stack dev ")
    assert "--exclude-protected" not in destroy
    assert removal == "stack rm --yes --preserve-config dev"
    assert not (stack.folder / "Pulumi.dev.yaml").exists(), "its salt is of no use to another stack of that name"
    assert (stack.checkout / "stacks/Pulumi.dev.yaml").read_text() == COMMITTED
