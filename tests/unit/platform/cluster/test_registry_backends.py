"""Registries of clouds: what is asked of their SDKs, by stand-ins that record it, and what is said without an SDK."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pulumi
import pytest

from codeopen.environment.cluster_settings import CloudRegistrySettings, RegistryKind, RegistrySettings
from codeopen.errors import CloudSdkError, SettingsError
from codeopen.platform.cluster.objects import SecretValue, make_object
from components.cluster_registry import declare_registry, platform_secrets, secret_names
from components.registry_access import docker_config

NAMES = ("codeopen/codeopen-base", "codeopen/codeopen-js")
CLOUD = CloudRegistrySettings(name="images", location="europe-west3", group="shop")
MODULES = {
    RegistryKind.ECR: "pulumi_aws",
    RegistryKind.ARTIFACT_REGISTRY: "pulumi_gcp",
    RegistryKind.ACR: "pulumi_azure_native",
}


@pytest.fixture(autouse=True)
def loop() -> Iterator[None]:
    """Outputs need an event loop."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield
    made.close()
    asyncio.set_event_loop(None)


class Calls(list[tuple[str, dict[str, Any]]]):
    def resource(self, name: str, /, *, opts: pulumi.ResourceOptions, **values: Any) -> Any:
        assert (opts.protect, opts.retain_on_delete) == (True, True), "no images are ever removed with a stack"
        self.append((name, values))
        return SimpleNamespace(login_server="images.azurecr.io")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    made = Calls()
    token = SimpleNamespace(
        proxy_endpoint=pulumi.Output.from_input("https://1.dkr.ecr.eu-west-1.amazonaws.com"),
        user_name="AWS",
        password="p",
    )
    spaces = {
        "pulumi_aws": {
            "ecr": SimpleNamespace(Repository=made.resource, get_authorization_token_output=lambda **_: token)
        },
        "pulumi_gcp": {"artifactregistry": SimpleNamespace(Repository=made.resource)},
        "pulumi_azure_native": {"containerregistry": SimpleNamespace(Registry=made.resource, SkuArgs=dict)},
    }
    for name, content in spaces.items():
        module = ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return made


def declare(kind: RegistryKind, cloud: CloudRegistrySettings | None = CLOUD, host: str = "") -> Any:
    return declare_registry(RegistrySettings(kind=kind, cloud=cloud, host=host), NAMES, None, pulumi.ResourceOptions())


def test_amazon_gets_a_repository_for_each_image(calls: Calls) -> None:
    assert declare(RegistryKind.ECR).login is not None
    assert [values["name"] for _, values in calls] == list(NAMES)
    assert all(values["force_delete"] is False for _, values in calls)


def test_google_gets_one_repository(calls: Calls) -> None:
    assert declare(RegistryKind.ARTIFACT_REGISTRY).login is None
    assert calls == [
        ("registry", {"repository_id": "images", "location": "europe-west3", "project": "shop", "format": "DOCKER"})
    ]


def test_azures_registry_has_no_administrator(calls: Calls) -> None:
    assert declare(RegistryKind.ACR).login is None
    ((_, values),) = calls
    assert (values["registry_name"], values["resource_group_name"]) == ("images", "shop")
    assert (values["admin_user_enabled"], values["anonymous_pull_enabled"]) == (False, False)


@pytest.mark.parametrize(
    ("kind", "extra"), [(RegistryKind.ECR, "aws"), (RegistryKind.ARTIFACT_REGISTRY, "gcp"), (RegistryKind.ACR, "azure")]
)
def test_without_its_sdk_the_extra_is_named(kind: RegistryKind, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, MODULES[kind], None)
    with pytest.raises(CloudSdkError, match=rf"codeopen-containers\[{extra}\]"):
        declare(kind)


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("kind", [RegistryKind.ARTIFACT_REGISTRY, RegistryKind.ACR])
def test_a_missing_value_is_named(kind: RegistryKind) -> None:
    with pytest.raises(SettingsError, match=r"registry\.cloud\.(location|group) is missing"):
        declare(kind, None)


def test_one_that_is_there_needs_its_host_alone() -> None:
    assert declare(RegistryKind.EXTERNAL, host="registry.example.com").login is None
    with pytest.raises(SettingsError, match="host is missing"):
        declare(RegistryKind.EXTERNAL)


def test_a_login_is_a_secret_in_dockers_form() -> None:
    config = docker_config("r.example", "me", "hunter2")

    async def both() -> tuple[str | None, bool]:
        return await config.future(), await config.is_secret()

    text, is_secret = asyncio.get_event_loop().run_until_complete(both())
    assert is_secret is True
    assert json.loads(str(text)) == {"auths": {"r.example": {"auth": "bWU6aHVudGVyMg=="}}}


def test_the_stack_is_told_which_secrets_to_set() -> None:
    values = {
        "a": SecretValue("registry-htpasswd"),
        "b": [SecretValue("buildkit-server-key")],
        "c": SecretValue("registry-login"),
    }
    objects = [make_object("v1", "Secret", "one", {"stringData": values}, namespace="here")]
    assert secret_names(objects) == ("buildkit-server-key", "registry-htpasswd")

    class Config:
        def get_secret(self, key: str) -> Any:
            return "x" if key == "registryHtpasswd" else None

    with pytest.raises(SettingsError, match="codeopen:buildkitServerKey") as caught:
        platform_secrets(objects, Config())  # type: ignore[arg-type]
    assert "registryHtpasswd" not in str(caught.value)
