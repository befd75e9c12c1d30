"""A network, a volume, an image, a credential and a container, with what the tests change as configuration."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_docker as docker
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class Credential(pulumi.CustomResource):
    password: pulumi.Output[str]

    def __init__(self, name: str, username: str) -> None:
        inputs = {"name": name, "username": username, "password": None}
        super().__init__("codeopen:index:Credential", name, inputs)


class ProcessLimit(pulumi.CustomResource):
    def __init__(self, name: str, container: pulumi.Input[str], limit: int) -> None:
        super().__init__("codeopen:index:ProcessLimit", name, {"container": container, "limit": limit})


class PublishedPlan(pulumi.CustomResource):
    existing: pulumi.Output[str]

    def __init__(self, name: str, identity: dict[str, Any]) -> None:
        super().__init__("codeopen:index:PublishedPlan", name, {**identity, "existing": None, "planTag": None})


class ImageRelease(pulumi.CustomResource):
    ref: pulumi.Output[str]
    adopted: pulumi.Output[bool]

    def __init__(self, name: str, identity: dict[str, Any]) -> None:
        outputs = {"ref": None, "adopted": None, "tag": None}
        super().__init__("codeopen:index:ImageRelease", name, {**identity, **outputs})


class EchoProvider(ResourceProvider):
    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult("echo-1", props)


class Echo(Resource, name="Echo"):
    def __init__(self, name: str) -> None:
        super().__init__(EchoProvider(), name, {"value": "x"})


config = pulumi.Config()
suffix = config.require("suffix")
name = f"codeopen-test-{suffix}"

credential = Credential("credential", username=config.get("username") or "developer")
network = docker.Network("network", name=name, labels=[docker.NetworkLabelArgs(label="codeopen.test", value=suffix)])
volume = docker.Volume("volume", name=name, labels=[docker.VolumeLabelArgs(label="codeopen.test", value=suffix)])
image = docker.RemoteImage("image", name=config.require("image"), keep_locally=True)
container = docker.Container(
    "container",
    name=name,
    image=image.image_id,
    command=["/bin/sh", "-c", config.get("command") or "trap 'exit 0' TERM; while :; do sleep 0.1; done"],
    envs=[pulumi.Output.concat("PASSWORD=", credential.password), f"MODE={config.get('mode') or 'one'}"],
    memory=config.get_int("memory") or 64,
    memory_reservation=32,
    cpu_period=100_000,
    cpu_quota=config.get_int("cpuQuota") or 50_000,
    restart="no",
    networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network.name, aliases=["app"])],
    volumes=[docker.ContainerVolumeArgs(volume_name=volume.name, container_path="/data")],
    ports=[docker.ContainerPortArgs(internal=4096, external=config.get_int("port"), ip="127.0.0.1")],
    capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]),
    security_opts=["no-new-privileges:true"],
    labels=[docker.ContainerLabelArgs(label="codeopen.test", value=suffix)],
    healthcheck=docker.ContainerHealthcheckArgs(tests=["CMD", config.get("check") or "/bin/true"], interval="200ms"),
    wait=True,
    wait_timeout=config.get_int("waitTimeout") or 30,
    destroy_grace_seconds=2,
)
if config.get_bool("unsupported"):
    docker.Container("unsupported", name=f"{name}-unsupported", image=image.image_id, publish_all_ports=True)
if config.get_bool("tag"):
    docker.Tag("tag", source_image=image.name, target_image="codeopen-test:other")
if limit := config.get_int("processes"):
    ProcessLimit("processes", container.id, limit)
if repository := config.get("repository"):
    identity = {
        "repository": repository,
        "planDigest": config.require("planDigest"),
        "version": config.require("version"),
        "insecure": True,
    }
    published = PublishedPlan("published", identity)
    release = ImageRelease("release", {**identity, "digest": config.require("digest")})
    pulumi.export("existing", published.existing)
    pulumi.export("ref", release.ref)
    pulumi.export("adopted", release.adopted)
if config.get_bool("dynamic"):
    Echo("echo")

pulumi.export("container", container.id)
pulumi.export("password", credential.password)
