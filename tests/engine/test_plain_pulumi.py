"""Stacks' files after the real CLI has rewritten them: every command that reads settings goes on as before.

Nothing is built or applied here; `test_main_job.py` applies both ways in turn.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from codeopen.environment.settings import read_settings
from codeopen.environment.stack_file import read_stack_values
from tests.live import LiveStack, prepare_stack

DEMO = {"id": "demo", "tier": "starter", "flavor": "js", "addons": ["databases"]}
# Those that a stack's settings go into, and that nothing has to be built for.
COMMANDS = (
    ("status",),
    ("up", "--dry-run", "--format", "json"),
    ("plan", "explain", "databases"),
    ("ensure", "--flavor", "js", "--addon", "databases", "--no-build"),
    ("compose", "check", "js-db"),
    ("registry", "prune"),
    ("push", "127.0.0.1:1/x"),
)
ON_CLUSTER = (
    ("render", "--out", "manifests"),
    ("plan", "capacity", "--platform", "eks"),
    ("project", "list"),
)
CLUSTER = """\
config:
  codeopen:registry: registry.example.com
  codeopen:parts: [js]
  codeopen:cluster:
    context: staging
    ingress: {domain: example.com, forwardAuth: "http://auth.example.com/verify"}
    builder: {enabled: true, replicas: 2}
    upgradeAfterHours: 336
  codeopen:projects: [{id: demo, tier: starter, flavor: js}]
"""


@pytest.fixture
def stack(tmp_path: Path) -> LiveStack:
    (tmp_path / "state").mkdir()
    prepared = prepare_stack(tmp_path / "checkout", tmp_path / "state")
    prepared.configure(DEMO)
    prepared.pulumi("stack", "init")
    prepared.configure(DEMO)  # as it was: the CLI has rewritten it
    return prepared


def file_of(stack: LiveStack) -> Path:
    return stack.checkout / "stacks" / f"Pulumi.{stack.name}.yaml"


def answers(stack: LiveStack, commands: tuple[tuple[str, ...], ...]) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of each, without times and numbers of attempts."""
    found = []
    for words in commands:
        done = stack.codeopen(*words, check=False)
        texts = (re.sub(r"\d+(\.\d+)? s\b|after \d+ attempts", "…", text) for text in (done.stdout, done.stderr))
        # Resources are told in whichever order they end.
        output, errors = ("\n".join(sorted(text.splitlines())) for text in texts)
        found.append((done.returncode, output, errors))
    return found


def set_all(stack: LiveStack, *settings: tuple[str, ...]) -> None:
    for words in settings:
        stack.pulumi("config", "set", *words)


def test_after_a_plain_preview_every_command_answers_as_before(stack: LiveStack) -> None:
    before = answers(stack, COMMANDS)
    assert "encryptionsalt" not in file_of(stack).read_text()
    for _ in range(2):
        stack.pulumi("preview")
        assert f'codeopen:registryPort: "{stack.registry_port}"' in file_of(stack).read_text()
        assert answers(stack, COMMANDS) == before
    assert not any("is not" in errors for _, _, errors in before)


def test_values_that_the_cli_sets_are_those_that_are_read(stack: LiveStack) -> None:
    set_all(
        stack,
        ("codeopen:substitutes", "false"),
        ("codeopen:processLimit", "1024"),
        ("owner", "42"),
        ("--path", "codeopen:projects[0].portBlock", "7"),
        ("--path", "codeopen:projects[0].owner", "42"),
        ("--path", "codeopen:projects[0].name", "true"),
        ("--path", "codeopen:platforms[0]", "linux/amd64"),
        ("--secret", "codeopen:registryPort", "5001"),
        ("--secret", "codeopen:registryLogin", "hidden"),
        ("--secret", "--path", "codeopen:projects[0].tier", "builder"),
    )
    stack.pulumi("preview")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment.items():
            patch.setenv(name, value)
        settings = read_settings(stack.name, read_stack_values(stack.checkout, stack.name), stack.checkout)
    assert (settings.substitutes, settings.process_limit, settings.registry_port) == (False, 1024, 5001)
    assert settings.release.owner == "42"
    (project,) = settings.projects
    assert (project.port_block, project.owner, project.name) == (7, "42", "true")
    assert project.selection.tier == "builder"
    assert "hidden" not in file_of(stack).read_text()
    assert stack.codeopen("up", "--dry-run").returncode == 0


def test_a_clusters_settings_are_read_as_the_cli_leaves_them(stack: LiveStack) -> None:
    file_of(stack).write_text(CLUSTER)
    before = answers(stack, ON_CLUSTER)
    assert before[0][0] == before[1][0] == 0
    set_all(
        stack,
        ("--path", "codeopen:cluster.builder.enabled", "true"),
        ("--path", "codeopen:cluster.builder.replicas", "2"),
        ("--path", "--secret", "codeopen:cluster.context", "staging"),
        ("--path", "--type", "string", "codeopen:cluster.upgradeAfterHours", "336"),
        ("--secret", "codeopen:registryLogin", "{}"),
    )
    assert set(yaml.safe_load(file_of(stack).read_text())["config"]["codeopen:cluster"]["context"]) == {"secure"}
    assert answers(stack, ON_CLUSTER) == before
