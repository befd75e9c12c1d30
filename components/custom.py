"""Resources of the project's own provider (tools/plugins): the typed side that programs see."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pulumi


class Credential(pulumi.CustomResource):
    """A password that is made once and kept as a secret; only a replacement of the resource makes another one."""

    password: pulumi.Output[str]
    username: pulumi.Output[str]

    def __init__(self, name: str, username: str, opts: pulumi.ResourceOptions | None = None) -> None:
        properties = {"name": name, "username": username, "password": None}
        options = pulumi.ResourceOptions(additional_secret_outputs=["password"])
        super().__init__("codeopen:index:Credential", name, properties, pulumi.ResourceOptions.merge(options, opts))


@dataclass(frozen=True, slots=True)
class MirroredImageArgs:
    """``archive`` is the folder of an OCI image layout; ``repository`` names registry and repository, without a tag."""

    archive: str
    digest: str
    repository: str
    tag: str


class MirroredImage(pulumi.CustomResource):
    """An image of an OCI image layout on this machine, pushed to a plain-HTTP registry; never deleted from there."""

    ref: pulumi.Output[str]

    def __init__(self, name: str, args: MirroredImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        properties = {**asdict(args), "insecure": True, "ref": None}
        super().__init__("codeopen:index:MirroredImage", name, properties, opts)
