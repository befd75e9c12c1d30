"""The floor of a preview: one resource of each provider in use."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker
import pulumi_docker_build as docker_build


class Credential(pulumi.CustomResource):
    """The least of the project's own resource types."""

    def __init__(self, name: str, username: str) -> None:
        super().__init__("codeopen:index:Credential", name, {"name": name, "username": username, "password": None})


stack = pulumi.get_stack()
Credential("credential", "floor")
docker.Volume("volume", name=f"codeopen-{stack}-floor")
docker_build.Image(
    "image",
    builder=docker_build.BuilderConfigArgs(name="codeopen"),
    context=docker_build.BuildContextArgs(location="context"),
    dockerfile=docker_build.DockerfileArgs(inline="FROM scratch\nCOPY nothing /\n"),
    push=False,
    build_on_preview=False,
)
