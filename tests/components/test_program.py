"""The whole program under mocks: what it declares, exactly."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import rpc

from codeopen.model.plan.digest import plan_tag
from codeopen.model.plan.exporting import image_export
from codeopen.model.plan.logins import password_hash
from components import project_stack
from fallback_plugins.docker.common import duration, nanoseconds
from stacks.program import run_stack
from tests.components.mocks import Declared, record
from tests.live import ROOT

VERSION = (ROOT / "VERSION").read_text().strip()

DEMO = {"id": "demo", "tier": "starter", "flavor": "js"}
MIRROR = {
    "format": 1,
    "upstreams": {
        "ubuntu": {"version": "debian-trixie", "digest": f"sha256:{'1' * 64}", "layout": "ubuntu"},
        "node": {"version": "22.23.3", "digest": f"sha256:{'2' * 64}", "layout": "node"},
        "package-archive": {"version": "indexes", "digest": f"sha256:{'3' * 64}", "layout": "package-archive"},
        "registry": {"version": "v3", "reference": "codeopen-registry:v3"},
    },
}


def config(*projects: dict[str, Any], **more: str) -> dict[str, str]:
    parts = '["js", "addon-databases"]'
    return {"projects": json.dumps(projects), "platforms": '["linux/amd64"]', "parts": parts, **more}


@pytest.fixture
def mirror(tmp_path: Path) -> str:
    (tmp_path / "mirror.json").write_text(json.dumps(MIRROR))
    return str(tmp_path)


def only(resources: list[Declared], name: str) -> Declared:
    (found,) = [resource for resource in resources if resource.name == name]
    return found


def test_an_ordinary_machine_declares_registry_images_and_a_project() -> None:
    resources = record(run_stack, config(DEMO))
    assert Counter(resource.type for resource in resources) == {
        "codeopen:local:Registry": 1,
        "codeopen:build:PartImages": 1,
        "codeopen:build:ComposedImages": 1,
        "codeopen:local:ProjectStack": 1,
        "codeopen:build:Image": 3,
        "codeopen:index:PublishedPlan": 3,
        "codeopen:index:ImageRelease": 3,
        "docker-build:index:Image": 3,
        "codeopen:index:Credential": 2,
        "codeopen:index:ProcessLimit": 1,
        "docker:index/remoteImage:RemoteImage": 2,
        "docker:index/volume:Volume": 2,
        "docker:index/network:Network": 1,
        "docker:index/container:Container": 2,
    }


def test_a_mirror_adds_one_resource_for_each_upstream_in_use(mirror: str) -> None:
    resources = record(run_stack, config(DEMO, mirror=mirror))
    pushed = [resource for resource in resources if resource.type == "codeopen:index:MirroredImage"]
    assert sorted(resource.name for resource in pushed) == ["mirror-node", "mirror-package-archive", "mirror-ubuntu"]
    assert {resource.inputs["repository"] for resource in pushed} == {
        f"localhost:5000/codeopen/codeopen-upstream-{name}" for name in ("node", "package-archive", "ubuntu")
    }
    assert only(resources, "registry-image").inputs["name"] == "codeopen-registry:v3"


def test_images_are_built_by_the_named_builder_on_the_catalogs_pins() -> None:
    resources = record(run_stack, config(DEMO, builder="mine"))
    base = only(resources, "parts-base-amd64-build").inputs
    assert base["builder"] == {"name": "mine"}
    assert base["buildOnPreview"] is False
    repository = "localhost:5000/codeopen/codeopen-base"
    assert base["exports"] == [{"raw": image_export(repository)}]
    assert base["dockerfile"] == {"location": ".codeopen/contexts/base/Dockerfile"}
    assert base["platforms"] == ["linux/amd64"]
    assert base["context"]["location"] == ".codeopen/contexts/base"
    ubuntu = base["context"]["named"]["ubuntu"]["location"]
    assert ubuntu.startswith("docker-image://docker.io/library/ubuntu:24.04@sha256:")
    assert base["context"]["named"]["package-archive"]["location"] == ".codeopen/contexts/package-archive"
    assert base["labels"]["dev.codeopen.upstream.ubuntu"] == "24.04"
    assert base["buildArgs"]["CODEOPEN_HEALTH"].startswith(
        "opencode-server\tOPENCODE_PORT=4096\t/global/health\t200\tOPENCODE_SERVER\t"
    )
    js = only(resources, "parts-js-amd64-build").inputs
    assert js["context"]["named"] == {
        "base": {"location": f"docker-image://{repository}@sha256:parts-base-amd64-build"}
    }


def test_an_image_that_is_published_for_the_plan_is_adopted_not_built() -> None:
    there = f"localhost:5000/codeopen/codeopen-base@sha256:{'a' * 64}"
    resources = record(run_stack, config(DEMO), published={"codeopen-base": there})
    build = only(resources, "parts-base-amd64-build").inputs
    assert build["dockerfile"] == {"inline": f"FROM {there}\n"}
    assert build["exports"] == [{"cacheonly": {}}]
    assert only(resources, "parts-base-amd64-release").inputs["digest"] == f"sha256:{'a' * 64}"
    assert (
        only(resources, "parts-js-amd64-build").inputs["context"]["named"]["base"]["location"]
        == f"docker-image://{there}"
    )


def test_a_combination_is_one_resource_made_of_its_parts_in_layer_order() -> None:
    """Named as the specification names the image; every part with its plan digest, which a preview knows."""
    resources = record(run_stack, config({**DEMO, "addons": ["databases"]}, DEMO | {"id": "plain"}))
    composed = only(resources, "combinations-js-db-amd64").inputs
    assert composed["repository"] == "localhost:5000/codeopen/codeopen-js-db"
    assert composed["base"] == "localhost:5000/codeopen/codeopen-base@sha256:parts-base-amd64-build"
    assert [(part["name"], part["reference"].rpartition(":")[2]) for part in composed["parts"]] == [
        ("js", "parts-js-amd64-build"),
        ("addon-databases", "parts-addon-databases-amd64-build"),
    ]
    plans = [only(resources, f"parts-{part}-amd64-plan").inputs["planDigest"] for part in ("js", "addon-databases")]
    assert [part["planDigest"] for part in composed["parts"]] == plans
    container = only(resources, "project-demo-container").inputs
    assert container["image"] == "id-of-localhost:5000/codeopen/codeopen-js-db@sha256:combinations-js-db-amd64"
    assert (container["memory"], container["memoryReservation"]) == (3072, 2048)


def test_a_combination_carries_what_a_chain_would_take() -> None:
    resources = record(run_stack, config(parts='["js"]', combinations='["js-db"]'))
    addon = only(resources, "combinations-js-db-amd64").inputs["parts"][1]
    built = only(resources, "parts-addon-databases-amd64-build").inputs
    assert addon["context"] == built["context"]["location"] == ".codeopen/contexts/addon-databases"
    named = {name: context["location"] for name, context in built["context"]["named"].items()}
    assert {**addon["namedContexts"], "base": named["base"]} == named
    assert addon["buildArguments"] == built["buildArgs"]


def test_a_named_combination_brings_the_parts_that_it_needs() -> None:
    resources = record(run_stack, config(parts='["js"]', combinations='["js-db"]'))
    built = {resource.name for resource in resources if resource.type == "docker-build:index:Image"}
    assert built == {"parts-base-amd64-build", "parts-js-amd64-build", "parts-addon-databases-amd64-build"}


@pytest.mark.parametrize(
    ("parts", "there"),
    [
        ('["python", "addon-gpu"]', True),
        ('["polyglot", "addon-gpu"]', True),
        ('["python"]', False),
        ('["fullstack", "addon-gpu"]', False),
    ],
)
def test_a_stack_with_a_flavor_and_its_add_on_builds_their_companion(parts: str, *, there: bool) -> None:
    declared = {resource.name for resource in record(run_stack, config(parts=parts, combinations="[]"))}
    assert ("parts-companion-python-cuda-amd64-build" in declared) is there


def test_popular_combinations_are_built_unless_others_are_named() -> None:
    def combinations(**more: str) -> set[str]:
        resources = record(run_stack, config(parts='["js", "addon-code-server"]', **more))
        return {each.name for each in resources if each.type == "codeopen:index:ComposedImage"}

    assert combinations() == {"combinations-js-code-amd64"}
    assert combinations(combinations='["popular"]') == {"combinations-js-code-amd64"}
    assert combinations(combinations="[]") == set()
    both = combinations(combinations='["popular", "js-db"]')
    assert both == {"combinations-js-code-amd64", "combinations-js-db-amd64"}


def test_labels_of_a_part_name_the_upstreams_of_those_that_it_takes_from() -> None:
    resources = record(run_stack, config(parts='["polyglot"]'))
    labels = only(resources, "parts-polyglot-amd64-build").inputs["labels"]
    assert labels["dev.codeopen.upstream.go"] == "1.22.12"
    assert {"dev.codeopen.upstream.cargo-watch", "dev.codeopen.upstream.langchain"} <= set(labels)
    plan = labels["dev.codeopen.plan-digest"]
    version = labels["org.opencontainers.image.version"]
    assert version == plan_tag(plan), "not the distribution's, nor a release's, which moves without the content"
    assert labels["org.opencontainers.image.revision"] == plan
    assert labels["org.opencontainers.image.source"].startswith("https://")
    licenses = labels["org.opencontainers.image.licenses"].split(" AND ")
    assert {"Apache-2.0", "(MIT OR Apache-2.0)", "BSD-3-Clause-Modification"} <= set(licenses), "also what it takes"


@pytest.mark.parametrize(
    ("parts", "combination", "text"),
    [
        ('["js"]', "js-dbb", "codeopen:combinations: .*dbb"),
        ('["js"]', "js", "codeopen:combinations: 'js' is a part; name it in codeopen:parts"),
        ('["js"]', "python-db", "codeopen:combinations: 'python-db' stands on python, which this stack does not build"),
    ],
)
def test_a_combination_that_can_t_be_had_is_told(parts: str, combination: str, text: str) -> None:
    with pytest.raises(pulumi.RunError, match=text):
        record(run_stack, config(parts=parts, combinations=json.dumps([combination])))


def test_the_plan_digest_is_the_images_identity_and_its_label() -> None:
    resources = record(run_stack, config(DEMO))
    plan = only(resources, "parts-js-amd64-plan").inputs
    release = only(resources, "parts-js-amd64-release").inputs
    assert plan["planDigest"] == release["planDigest"]
    assert only(resources, "parts-js-amd64-build").inputs["labels"]["dev.codeopen.plan-digest"] == plan["planDigest"]
    assert plan["version"] == release["version"] == "0.0.2"


def test_processes_are_limited() -> None:
    limit = only(record(run_stack, config(DEMO, processLimit="77")), "project-demo-processes").inputs
    assert limit == {"container": "project-demo-container-id", "limit": 77}


def test_labels_name_the_version_that_a_mirror_substitutes(mirror: str) -> None:
    base = only(record(run_stack, config(mirror=mirror)), "parts-base-amd64-build").inputs
    assert base["labels"]["dev.codeopen.upstream.ubuntu"] == "debian-trixie"
    assert base["context"]["named"]["ubuntu"]["location"] == (
        f"docker-image://localhost:5000/codeopen/codeopen-upstream-ubuntu@sha256:{'1' * 64}"
    )


def test_a_projects_container_has_the_computed_resources_and_no_privileges() -> None:
    container = only(record(run_stack, config(DEMO)), "project-demo-container").inputs
    repository = "localhost:5000/codeopen/codeopen-js"
    assert container["image"] == f"id-of-{repository}@sha256:parts-js-amd64-build"
    assert container["name"] == "codeopen-test-demo"
    assert (container["cpuQuota"], container["cpuPeriod"]) == (100_000, 100_000)
    assert (container["memory"], container["memorySwap"], container["memoryReservation"]) == (2048, 2048, 1024)
    assert container["capabilities"] == {"drops": ["ALL"]}
    assert container["securityOpts"] == ["no-new-privileges"]
    assert container["volumes"] == [{"volumeName": "codeopen-test-demo-home", "containerPath": "/home/developer"}]
    assert container["healthcheck"]["tests"] == ["CMD", "/usr/local/bin/codeopen-health"]
    assert {port["ip"] for port in container["ports"]} == {"127.0.0.1"}
    assert [port["internal"] for port in container["ports"]] == [4096, 4097]
    assert "privileged" not in container


def durations(value: Any) -> Iterator[str]:
    """All texts below that read as a duration of Go."""
    if isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from durations(each)
    elif isinstance(value, str) and re.fullmatch(r"(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+", value):
        yield value


def test_durations_are_declared_as_the_official_provider_reads_them_back() -> None:
    """Else every preview after a refresh shows `1m0s => 60s`."""
    docker = [each for each in record(run_stack, config(DEMO)) if each.type.startswith("docker:")]
    # The size of a log file is no duration.
    found = [text for each in docker for text in durations({**each.inputs, "logOpts": None})]
    assert sorted(found) == ["10s", "1m0s", "5s"]
    assert found == [duration(nanoseconds(text)) for text in found]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59, "59s"), (60, "1m0s"), (90, "1m30s"), (3600, "1h0m0s"), (3661, "1h1m1s")]
)
def test_a_duration_is_written_as_go_prints_it(seconds: int, text: str) -> None:
    assert project_stack._duration(seconds) == text == duration(seconds * 10**9)


def test_the_password_reaches_the_container_as_a_secret() -> None:
    container = only(record(run_stack, config(DEMO)), "project-demo-container").inputs
    assert container["envs"][rpc._special_sig_key] == rpc._special_secret_sig
    values = container["envs"]["value"]
    for port in ("OPENCODE_SERVER", "ACP_GATEWAY"):
        assert f"{port}_USERNAME=opencode" in values
    assert "OPENCODE_SERVER_PASSWORD=made-once" in values
    hashed = password_hash("made-once", "codeopen-test-demo")
    assert [value for value in values if value.startswith("ACP_GATEWAY_PASSWORD")] == [
        f"ACP_GATEWAY_PASSWORD_HASH={hashed}"
    ]


def test_the_container_is_told_its_tiers_memory() -> None:
    container = only(record(run_stack, config({**DEMO, "addons": ["databases"]})), "project-demo-container").inputs
    assert f"CODEOPEN_TIER_MEMORY_BYTES={2 * 1024**3}" in container["envs"]["value"]
    assert container["memory"] > 2048


def test_another_project_moves_no_port_of_the_first() -> None:
    def ports(*projects: dict[str, Any]) -> Any:
        return only(record(run_stack, config(*projects)), "project-demo-container").inputs["ports"]

    other = {"id": "other", "tier": "power", "flavor": "js"}
    assert ports(DEMO) == ports(other, DEMO) == ports(DEMO, other)


@pytest.mark.parametrize(
    ("projects", "text"),
    [
        ([{**DEMO, "flavor": "jss"}], "unknown-flavor"),
        ([{**DEMO, "flavor": "go"}], "does not build part go"),
        ([{**DEMO, "addons": ["gui"]}], "does not build part addon-gui"),
        ([DEMO, DEMO], "declared twice"),
        ([{**DEMO, "id": "Demo"}], "lower-case"),
        ([{**DEMO, "size": 3}], "unknown key 'size'"),
        ([{"id": "demo"}], "tier is missing"),
        ([DEMO, {**DEMO, "id": "twin", "portBlock": 596}], "give one of the two a portBlock"),
    ],
)
def test_a_mistake_in_the_configuration_is_told_without_a_traceback(projects: list[dict[str, Any]], text: str) -> None:
    with pytest.raises(pulumi.RunError, match=text):
        record(run_stack, config(*projects))


def test_type_tokens_are_stable() -> None:
    tokens = {resource.type for resource in record(run_stack, config(DEMO)) if resource.type.startswith("codeopen:")}
    assert tokens == {
        "codeopen:local:Registry",
        "codeopen:build:PartImages",
        "codeopen:build:ComposedImages",
        "codeopen:build:Image",
        "codeopen:local:ProjectStack",
        "codeopen:index:Credential",
        "codeopen:index:PublishedPlan",
        "codeopen:index:ImageRelease",
        "codeopen:index:ProcessLimit",
    }


def test_several_platforms_have_an_image_each_and_an_index() -> None:
    both = {"platforms": '["linux/amd64", "linux/arm64"]', "combinations": '["js-db"]'}
    resources = record(run_stack, {**config(), **both, "beforeTag": "cosign sign --yes"})
    kinds = ("ImageRelease", "ComposedImage", "ImageIndex")
    published = [each for each in resources if each.type.removeprefix("codeopen:index:") in kinds]
    assert {each.inputs["beforeTag"] for each in published} == {"cosign sign --yes"}, "whatever gets tags"
    for platform in ("amd64", "arm64"):
        composed = only(resources, f"combinations-js-db-{platform}").inputs
        assert (composed["platform"], composed["version"]) == (f"linux/{platform}", f"{VERSION}_{platform}")
        assert only(resources, f"parts-js-{platform}-release").inputs["version"] == f"{VERSION}_{platform}"
    indexes = {resource.name for resource in resources if resource.type == "codeopen:index:ImageIndex"}
    assert indexes == {"indexes-base", "indexes-js", "indexes-addon-databases", "indexes-js-db"}
    last = only(resources, "indexes-js-db").inputs
    assert (last["repository"], last["version"]) == ("localhost:5000/codeopen/codeopen-js-db", VERSION)
    assert [image["reference"].rpartition("@")[2] for image in last["images"]] == [
        "sha256:combinations-js-db-amd64",
        "sha256:combinations-js-db-arm64",
    ]
