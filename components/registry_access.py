"""How a registry is reached: its host, and a login where it needs one."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """``login`` is Docker's configuration, secret; None where nodes and builders have identities of their own."""

    host: pulumi.Output[str]
    login: pulumi.Output[str] | None


def docker_config(
    host: pulumi.Input[str], username: pulumi.Input[str], password: pulumi.Input[str]
) -> pulumi.Output[str]:
    """A login as the Secret type dockerconfigjson holds it."""

    def render(values: list[str]) -> str:
        where, name, secret = values
        auth = base64.b64encode(f"{name}:{secret}".encode()).decode()
        return json.dumps({"auths": {where: {"auth": auth}}})

    return pulumi.Output.secret(pulumi.Output.all(host, username, password).apply(render))
