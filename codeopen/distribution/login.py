"""How a registry lets this user in: basic authentication or a token, with the credentials that Docker has.

``docker login``'s file and its credential helpers are read by Docker's own library. Source: Distribution, "Token
Authentication Specification".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import docker.auth
import docker.errors
import urllib3

from codeopen.errors import RegistryError

_PARAMETER: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_DOCKER_HUB: Final = "docker.io"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a registry asks for: the scheme in lower case, and its parameters."""

    scheme: str
    parameters: Mapping[str, str]


def challenge_of(header: str) -> Challenge:
    """The challenge of a WWW-Authenticate header; of several the first."""
    scheme, _, rest = header.strip().partition(" ")
    return Challenge(scheme.lower(), dict(_PARAMETER.findall(rest)))


class Login:
    """The user's credentials for one registry, looked up when the registry first asks."""

    def __init__(self, host: str) -> None:
        self._host = host

    def authorize(self, pool: urllib3.PoolManager, challenge: Challenge, scopes: Sequence[str]) -> str:
        """The Authorization header that answers a challenge. Raises RegistryError, which never holds a secret."""
        found = self._credentials()
        if challenge.scheme == "basic":
            if not found:
                raise RegistryError(f"{self._host}: it asks for a login; run `docker login {self._host}`")
            return _basic(*found)
        if challenge.scheme != "bearer" or "realm" not in challenge.parameters:
            scheme = challenge.scheme or "nothing that is known"
            raise RegistryError(f"{self._host}: it asks for {scheme}; basic and token authentication are supported")
        return f"Bearer {self._token(pool, challenge, scopes, found)}"

    def _token(
        self,
        pool: urllib3.PoolManager,
        challenge: Challenge,
        scopes: Sequence[str],
        found: tuple[str, str] | None,
    ) -> str:
        query = [("scope", scope) for scope in scopes]
        if "service" in challenge.parameters:
            query.append(("service", challenge.parameters["service"]))
        address = f"{challenge.parameters['realm']}?{urlencode(query)}"
        headers = {"Authorization": _basic(*found)} if found else {}
        try:
            answer = pool.request("GET", address, headers=headers)
            if answer.status in {401, 403}:
                raise RegistryError(f"{self._host}: the login is not accepted; run `docker login {self._host}`")
            value: Mapping[str, Any] = answer.json()
            return str(value.get("token") or value["access_token"])
        except (urllib3.exceptions.HTTPError, ValueError, KeyError, AttributeError) as error:
            raise RegistryError(f"{self._host}: its token service gives no token ({type(error).__name__})") from error

    def _credentials(self) -> tuple[str, str] | None:
        try:
            config = docker.auth.load_config()
            found = config.resolve_authconfig(None if self._host == _DOCKER_HUB else self._host)
        except docker.errors.DockerException as error:
            raise RegistryError(f"{self._host}: Docker's credentials can't be read ({error})") from error
        if not found or not found.get("username"):
            return None
        return str(found["username"]), str(found.get("password", ""))


def _basic(username: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"
