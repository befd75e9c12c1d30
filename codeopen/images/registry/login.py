"""How a registry lets this user in: basic authentication or a token, with the credentials that Docker has.

``docker login``'s file and its credential helpers are read by Docker's own library. Source: Distribution, "Token
Authentication Specification" and "OAuth2 Token Authentication". No error holds a secret, nor what a helper printed.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

import docker.auth
import docker.errors
import urllib3

from codeopen.errors import RegistryError

_PARAMETER: Final = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_DOCKER_HUB: Final = "docker.io"
_CLIENT: Final = "codeopen"
_SHORTEST_SECRET: Final = 4


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a registry asks for: the scheme in lower case, and its parameters."""

    scheme: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Credentials:
    """A name with its password, or an identity token, which a token service exchanges."""

    username: str
    password: str
    identity_token: str = ""


def challenge_of(header: str) -> Challenge:
    """The challenge of a WWW-Authenticate header; of several the first."""
    scheme, _, rest = header.strip().partition(" ")
    parameters: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(rest):
        parameters.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or bare)
    return Challenge(scheme.lower(), parameters)


def is_loopback(name: str) -> bool:
    """Whether a host's name or address never leaves this machine."""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Login:
    """The user's credentials for one registry, looked up when the registry first asks."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._secrets: set[str] = set()

    def authorize(self, pool: urllib3.PoolManager, challenge: Challenge, scopes: Sequence[str]) -> str:
        """The Authorization header that answers a challenge. Raises RegistryError, which never holds a secret."""
        found = self._credentials()
        if challenge.scheme == "basic":
            if not found or found.identity_token:
                raise RegistryError(f"{self._host}: it asks for a login; run `docker login {self._host}`")
            return self._basic(found)
        if challenge.scheme != "bearer" or "realm" not in challenge.parameters:
            scheme = challenge.scheme or "nothing that is known"
            raise RegistryError(f"{self._host}: it asks for {scheme}; basic and token authentication are supported")
        token = self._token(pool, challenge, scopes, found)
        self._secrets.add(token)
        return f"Bearer {token}"

    def conceal(self, text: str) -> str:
        """A text without the secrets that were used, should somebody have repeated them."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "***")
        return text

    def _token(
        self, pool: urllib3.PoolManager, challenge: Challenge, scopes: Sequence[str], found: _Credentials | None
    ) -> str:
        realm = urlsplit(challenge.parameters["realm"])
        if realm.scheme != "https" and not is_loopback(realm.hostname or ""):
            raise RegistryError(
                f"{self._host}: its token service is at {realm.hostname}, not over TLS; it gets no login"
            )
        try:
            answer = self._ask(pool, challenge, scopes, found)
            if answer.status in {400, 401, 403}:
                raise RegistryError(f"{self._host}: the login is not accepted; run `docker login {self._host}`")
            value: Mapping[str, Any] = answer.json()
            return str(value.get("token") or value["access_token"])
        except (urllib3.exceptions.HTTPError, ValueError, KeyError, AttributeError) as error:
            reason = type(error).__name__
            raise RegistryError(f"{self._host}: its token service gives no token ({reason})") from None

    def _ask(
        self, pool: urllib3.PoolManager, challenge: Challenge, scopes: Sequence[str], found: _Credentials | None
    ) -> urllib3.BaseHTTPResponse:
        realm = challenge.parameters["realm"]
        service = challenge.parameters.get("service", "")
        if found and found.identity_token:
            fields = {"grant_type": "refresh_token", "refresh_token": found.identity_token, "client_id": _CLIENT}
            fields |= {"service": service, "scope": " ".join(scopes)}
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            # Some redirects would be followed with the body, wherever they lead; the identity token is for this host.
            answer = pool.request("POST", realm, body=urlencode(fields), headers=headers, redirect=False)
            if location := answer.get_redirect_location():
                raise RegistryError(
                    f"{self._host}: its token service {_place(realm)} redirects to "
                    f"{_place(urljoin(realm, location))}, which gets no identity token; "
                    f"ask who runs {self._host} for a token service that answers itself"
                )
            return answer
        query = [("scope", scope) for scope in scopes] + ([("service", service)] if service else [])
        headers = {"Authorization": self._basic(found)} if found else {}
        address = f"{realm}{'&' if urlsplit(realm).query else '?'}{urlencode(query)}"
        return pool.request("GET", address, headers=headers)

    def _credentials(self) -> _Credentials | None:
        try:
            config = docker.auth.load_config()
            found = config.resolve_authconfig(None if self._host == _DOCKER_HUB else self._host)
        except docker.errors.DockerException as error:
            # What a helper prints may be anything: it is not repeated.
            raise RegistryError(
                f"{self._host}: Docker's credentials can't be read ({type(error).__name__}); see ~/.docker/config.json "
                "(or the folder DOCKER_CONFIG) and the credential helper that it names"
            ) from None
        except (ValueError, KeyError) as error:
            raise RegistryError(
                f"{self._host}: Docker's credentials are damaged ({type(error).__name__}); "
                f"run `docker login {self._host}`"
            ) from None
        # The library gives what a helper says under other keys than what the file says.
        values = {key.lower(): str(value) for key, value in (found or {}).items() if value}
        credentials = _Credentials(
            values.get("username", ""), values.get("password", ""), values.get("identitytoken", "")
        )
        self._secrets |= {credentials.password, credentials.identity_token} - {""}
        return credentials if credentials.username or credentials.identity_token else None

    def _basic(self, found: _Credentials) -> str:
        value = base64.b64encode(f"{found.username}:{found.password}".encode()).decode()
        self._secrets.add(value)
        return f"Basic {value}"


def _place(address: str) -> str:
    """The host and port of an address, for people: nothing that may be secret, or steers a terminal."""
    return re.sub(r"[^\x21-\x7e]+", "", urlsplit(address).netloc.rpartition("@")[2])
