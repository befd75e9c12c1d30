"""Stacks' files as people and the Pulumi CLI write them. A stand-in deciphers; tests/engine has the real CLI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codeopen.environment.settings import Settings, read_settings
from codeopen.environment.stack_file import read_stack_document, read_stack_values
from codeopen.errors import SettingsError
from tests.unit.stand_ins import StandIns
from tests.unit.trees import write_tree

# As a person writes them, and what the CLI made of them: noted from 3.259.0.
BY_HAND = """\
config:
  codeopen:substitutes: true
  codeopen:registryPort: 5001
  codeopen:hostPorts: 0x3e80
  codeopen:owner: 42
  codeopen:imageVersion: 0.1
  codeopen:builder: yes
  codeopen:projects: [{id: demo, tier: starter, flavor: js, portBlock: 7, owner: "42", name: "true", addons: [gui]}]
  codeopen:cluster:
    context: "5"
    builder: {enabled: true, replicas: 2, cpu: "2"}
    registry: {maintainAt: 13:30}
    network: {dnsPorts: [53]}
"""
BY_THE_CLI = """\
config:
  codeopen:substitutes: "true"
  codeopen:registryPort: "5001"
  codeopen:hostPorts: "16000"
  codeopen:owner: "42"
  codeopen:imageVersion: "0.1"
  codeopen:builder: "yes"
  codeopen:beforeTag: ""
  codeopen:projects:
    - id: demo
      tier: starter
      flavor: js
      portBlock: 7
      owner: 42
      name: true
      addons:
        - gui
  codeopen:cluster:
    builder:
      cpu: 2
      enabled: "true"
      replicas: "2"
    context: 5
    network:
      dnsPorts:
        - "53"
    registry:
      maintainAt: "13:30"
encryptionsalt: v1:oPwevAPtHTo=:v1:xUVgj5OsopE2IgdP:+SJfNJPYsDa6VhJnvR0Rcfs8sy3JVQ==
"""
SECRET = """\
encryptionsalt: v1:salt
config:
  codeopen:registryPort: {secure: v1:one}
  codeopen:registryLogin: {secure: v1:two}
  codeopen:cluster:
    context: staging
    kubeconfig: {secure: v1:three}
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "checkout", {"VERSION": "0.0.2\n"})


def write(checkout: Path, content: str) -> None:
    write_tree(checkout, {"stacks/Pulumi.dev.yaml": content})


def read(checkout: Path, content: str) -> Settings:
    write(checkout, content)
    return read_settings("dev", read_stack_values(checkout, "dev"), checkout)


def test_keys_lose_their_prefix(checkout: Path) -> None:
    write(checkout, "config:\n  codeopen:owner: me\n  codeopen:parts: [js]\n  kubernetes:context: mine\n")
    assert read_stack_values(checkout, "dev") == {"owner": "me", "parts": ["js"], "kubernetes:context": "mine"}


def test_what_the_cli_has_rewritten_means_what_was_written(checkout: Path) -> None:
    settings = read(checkout, BY_HAND)
    assert settings == read(checkout, BY_THE_CLI)
    assert (settings.substitutes, settings.registry_port, settings.first_host_port) == (True, 5001, 16000)
    assert (settings.release.owner, settings.release.version, settings.builder) == ("42", "0.1", "yes")
    (project,) = settings.projects
    assert (project.port_block, project.owner, project.name) == (7, "42", "true")
    assert settings.cluster is not None
    assert (settings.cluster.builder.enabled, settings.cluster.builder.replicas) == (True, 2)
    assert (settings.cluster.registry.maintain_at, settings.cluster.network.dns_ports) == ("13:30", (53,))


@pytest.mark.parametrize("text", ["false", '"false"', "False"])
def test_false_is_not_a_text_that_counts_as_true(checkout: Path, text: str) -> None:
    assert read(checkout, f"config:\n  codeopen:substitutes: {text}\n").substitutes is False


@pytest.mark.parametrize("sections", ["encryptionsalt: v1:x", "encryptedkey: x\nsecretsprovider: awskms://alias/x"])
def test_a_file_without_configuration_has_the_defaults(checkout: Path, sections: str) -> None:
    """So `pulumi stack init` leaves it."""
    assert read(checkout, f"{sections}\n") == read(checkout, "config: {}\n")


def test_secrets_among_the_settings_are_deciphered(checkout: Path, stand_ins: StandIns) -> None:
    shown: dict[str, Any] = {
        "codeopen:registryPort": {"value": "5001", "secret": True},
        "codeopen:registryLogin": {"value": "hidden", "secret": True},
        "codeopen:cluster": {"value": "{}", "objectValue": {"context": "staging", "kubeconfig": "k"}, "secret": True},
    }
    stand_ins.put("pulumi", f"echo '{json.dumps(shown)}'")
    settings = read(checkout, SECRET)
    assert settings.registry_port == 5001
    assert settings.cluster is not None
    assert settings.cluster.kubeconfig == "k"
    assert "registryLogin" not in read_stack_values(checkout, "dev"), "the program's alone"
    file = checkout / "stacks/Pulumi.dev.yaml"
    wanted = f"pulumi --non-interactive config --show-secrets --json --stack dev --config-file {file}"
    assert stand_ins.calls == [wanted] * 2


def test_secrets_of_the_program_alone_ask_for_no_passphrase(checkout: Path, stand_ins: StandIns) -> None:
    stand_ins.put("pulumi", "exit 1")
    assert read(checkout, "config:\n  codeopen:registryLogin: {secure: v1:x}\n").registry_port == 5000
    assert stand_ins.calls == []


def test_a_secret_that_can_t_be_read_is_told_with_its_key(checkout: Path, stand_ins: StandIns) -> None:
    stand_ins.put("pulumi", "echo 'error: incorrect passphrase' >&2; exit 255")
    write(checkout, SECRET)
    with pytest.raises(SettingsError) as caught:
        read_stack_values(checkout, "dev")
    assert "codeopen:cluster, codeopen:registryPort can't be deciphered" in str(caught.value)
    assert "incorrect passphrase" in str(caught.value)


def test_the_document_keeps_ciphertext_and_salt(checkout: Path) -> None:
    write(checkout, SECRET)
    document = read_stack_document(checkout, "dev")
    assert document["encryptionsalt"] == "v1:salt"
    assert document["config"]["codeopen:cluster"]["kubeconfig"] == {"secure": "v1:three"}


@pytest.mark.parametrize(
    ("stack", "content", "said"),
    [
        ("devv", "config: {}\n", "does not exist; .*dev"),
        ("dev", "config: [\n", "is not a stack's configuration"),
        ("dev", "- config\n", "is not a stack's configuration"),
        ("dev", "{}\n", "is not a stack's configuration"),
        ("dev", "config: text\n", "is not a stack's configuration"),
        ("dev", "config: {1: 2}\n", "is not a stack's configuration"),
    ],
)
def test_a_stack_s_file_that_can_t_be_used_is_told(checkout: Path, stack: str, content: str, said: str) -> None:
    write(checkout, content)
    with pytest.raises(SettingsError, match=said):
        read_stack_values(checkout, stack)
