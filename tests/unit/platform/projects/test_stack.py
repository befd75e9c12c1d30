"""Names and configurations of projects' stacks, and what their states say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from codeopen.environment.settings import LoneProject, read_settings
from codeopen.errors import ProjectError, SettingsError
from codeopen.model.plan.projects import Project
from codeopen.model.selection.selection import Selection
from codeopen.platform.deploy import pulumi_cli
from codeopen.platform.projects.last import Last, read_last
from codeopen.platform.projects.project_stacks import Environment, read_environment, stack_name
from tests.unit.stand_ins import StandIns
from tests.unit.trees import write_tree

SHOP = Project("shop", Selection("starter", "js", ("gui",)), name="Shöp", owner="ann")
DIGEST = f"sha256:{'7' * 64}"
COMMITTED = """\
encryptionsalt: v1:committed
config:
  codeopen:registry: ghcr.io
  codeopen:cluster:
    context: staging
    upgradeAfterHours: 8
  codeopen:registryLogin: {secure: v1:ciphertext}
  codeopen:registryTlsKey: {secure: v1:of-the-platform-alone}
  codeopen:projects: [{id: other, tier: starter, flavor: js}]
  codeopen:parts: [js]
  codeopen:combinations: [popular]
  codeopen:mirror: ~/mirror
  kubernetes:enableSecretMutable: "true"
"""


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    tree = {"stacks/Pulumi.staging.yaml": COMMITTED, "stacks/Pulumi.dev.yaml": "config: {}\n", "VERSION": "1\n"}
    return read_environment(write_tree(tmp_path, tree), "staging")


def test_names_are_those_that_the_cli_takes() -> None:
    assert stack_name("staging", "shop") == "staging.project.shop"
    longest = "e" * (100 - len(".project.shop"))
    assert len(stack_name(longest, "shop")) == 100
    for name, project in ((longest, "shops"), ("staging", "a b"), ("staging", "a/b"), ("stäging", "shop")):
        with pytest.raises(ProjectError, match="its stack can't be called"):
            stack_name(name, project)


def test_a_project_has_its_environments_configuration_but_for_other_projects_and_builds(
    environment: Environment,
) -> None:
    document = yaml.safe_load(environment.configuration(SHOP, DIGEST))
    assert document["encryptionsalt"] == "v1:committed", "its secrets can be read with no other"
    assert sorted(document["config"]) == [
        "codeopen:cluster",
        "codeopen:project",
        "codeopen:registry",
        "codeopen:registryLogin",
        "kubernetes:enableSecretMutable",
    ]
    assert document["config"]["codeopen:registryLogin"] == {"secure": "v1:ciphertext"}


def test_the_program_reads_what_was_declared(environment: Environment, tmp_path: Path) -> None:
    config: dict[str, Any] = yaml.safe_load(environment.configuration(SHOP, DIGEST))["config"]
    values = {key.removeprefix("codeopen:"): value for key, value in config.items()}
    assert read_settings("staging.project.shop", values, tmp_path).alone == LoneProject(SHOP, DIGEST)


def test_the_text_depends_on_nothing_but_the_project_and_the_environment(environment: Environment) -> None:
    text = environment.configuration(SHOP, DIGEST)
    file = environment.checkout / "stacks" / "Pulumi.staging.yaml"
    file.write_text(COMMITTED.replace("id: other", "id: another").replace("[js]", "[python]"))
    assert read_environment(environment.checkout, "staging").configuration(SHOP, DIGEST) == text


def test_a_stack_is_one_of_the_environments(environment: Environment) -> None:
    stack = environment.stack("shop", environment.configuration(SHOP, ""))
    assert (stack.name, stack.folder) == ("staging.project.shop", environment.checkout / ".codeopen" / "stacks")
    assert "planDigest" not in str(stack.configuration)


def test_an_environment_without_a_cluster_is_refused(environment: Environment) -> None:
    with pytest.raises(SettingsError, match="'dev': it has no codeopen:cluster"):
        read_environment(environment.checkout, "dev")


def test_what_is_applied_is_read_from_the_backend(environment: Environment, stand_ins: StandIns) -> None:
    assert pulumi_cli
    names = ["staging", "staging.project.shop", "organization/codeopen/staging.project.news", "prod.project.mail"]
    listed = "[" + ", ".join(f'{{"name": "{name}"}}' for name in names) + "]"
    stand_ins.put("pulumi", f"echo '{listed}'")
    assert environment.applied() == ("news", "shop")


def state(declared: Any) -> dict[str, Any]:
    outputs = {"project": {"declared": declared}} if declared else {}
    resources: list[dict[str, Any]] = [{"type": "pulumi:pulumi:Stack", "urn": "u", "outputs": outputs}]
    if declared:
        resources.append({"type": "codeopen:index:PublishedImage", "urn": "v", "inputs": {"planDigest": DIGEST}})
    return {"resources": resources}


def test_a_state_says_what_was_applied_last() -> None:
    declared = {"id": "shop", "tier": "starter", "flavor": "js", "addons": ["gui"], "name": "Shöp", "owner": "ann"}
    assert read_last(state({**declared, "state": "running"}), "shop") == Last(SHOP, DIGEST)
    for empty in ({}, {"resources": None}, state(None)):
        with pytest.raises(ProjectError, match="project 'shop': its stack has no workload; declare it"):
            read_last(empty, "shop")
