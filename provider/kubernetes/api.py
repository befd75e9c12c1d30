"""Requests to an API server: one connection pool, and retries while the server may only be busy or starting."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from ssl import SSLCertVerificationError
from threading import Event, Lock
from typing import Any, Final
from urllib.parse import urlencode

import urllib3

from provider.kubernetes.kubeconfig import WHAT_TO_DO, Choice, Target, choose
from provider.kubernetes.login import Login
from provider.protocol.errors import PluginError

RETRY_SECONDS: Final = 240.0
"""How long one operation goes on trying while the API server is busy, starting or out of reach."""

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 15.0
REQUEST_TIMEOUT: Final = urllib3.Timeout(connect=10, read=60)
CONNECTIONS: Final = 32
RETRIED: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
ADVICE: Final = {
    HTTPStatus.UNAUTHORIZED: "log in again, or give another kubeconfig",
    HTTPStatus.FORBIDDEN: "allow it in the cluster, or change what the program asks for",
    HTTPStatus.UNPROCESSABLE_ENTITY: "change the program; a field that can't change in place needs replace_on_changes",
    HTTPStatus.BAD_REQUEST: "change the program",
    HTTPStatus.NOT_FOUND: "pulumi refresh notices what is gone; a namespace has to be there first (depends_on)",
    HTTPStatus.TOO_MANY_REQUESTS: "run it again later",
}


class ApiError(PluginError):
    """The server refused a request; ``status`` 0 stands for no answer at all."""

    def __init__(self, text: str, status: int, reason: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.reason = reason


class KindMissingError(PluginError):
    """The server has no such kind: its CustomResourceDefinition isn't there (yet)."""


@dataclass(slots=True)
class Task:
    """What is being done to which object, for the texts; when it has to be done; and whether the run was cancelled."""

    what: str
    cancelled: Event
    deadline: float = field(default_factory=lambda: time.monotonic() + RETRY_SECONDS)

    def pause(self, seconds: float, why: str) -> None:
        """Wait before another try. Raises PluginError when that would be too late, or the run is cancelled."""
        if time.monotonic() + seconds > self.deadline:
            raise PluginError(f"can't {self.what}: {why}, and it did not get better in time")
        if self.cancelled.wait(seconds):
            raise PluginError(f"can't {self.what}: cancelled while {why}")


@dataclass(frozen=True, slots=True)
class Request:
    """One request; ``path`` begins at the server's root. An apply patch, a JSON patch or plain JSON by its type."""

    method: str
    path: str
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a kind's objects are: the path of its API version, its plural name, and whether it is in namespaces."""

    root: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        """The path of one object, or of all of them in the namespace."""
        middle = f"/namespaces/{namespace}" if self.namespaced else ""
        return f"{self.root}{middle}/{self.plural}" + (f"/{name}" if name else "")


class Api:
    """One cluster's API, connected to when it is first needed."""

    def __init__(self) -> None:
        self._choice = Choice()
        self._connection: tuple[Target, Login, urllib3.PoolManager] | None = None
        self._places: dict[str, dict[str, Place]] = {}
        self._lock = Lock()

    def configure(self, choice: Choice) -> None:
        """Take what the provider's configuration says."""
        with self._lock:
            self._choice, self._connection, self._places = choice, None, {}

    @property
    def namespace(self) -> str:
        """The namespace of objects that name none."""
        return self._connected()[0].namespace

    def send(self, task: Task, request: Request) -> Any:
        """The server's answer to a request. Raises ApiError when it refuses, or does not answer in time."""
        logged_in_again = False
        attempt = 0
        while True:
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt) * random.uniform(0.5, 1)  # noqa: S311 - not for secrets
            try:
                response = self._exchange(request)
            except urllib3.exceptions.HTTPError as error:
                why = f"no API server answers at {self._connected()[0].server} ({_cause(error)})"
                if _is_final(error):
                    raise ApiError(f"can't {task.what}: {why}; {WHAT_TO_DO}", 0) from error
                self._pause(task, pause, why, 0)
            else:
                if response.status < HTTPStatus.BAD_REQUEST:
                    return response.json()
                refusal = _refusal(task, response)
                if response.status == HTTPStatus.UNAUTHORIZED and not logged_in_again:
                    logged_in_again = True
                    self._connected()[1].forget()
                elif response.status in RETRIED:
                    asked = response.headers.get("Retry-After", "")
                    seconds = max(pause, min(LONGEST_PAUSE, float(asked))) if asked.isdigit() else pause
                    self._pause(task, seconds, _said(response), response.status)
                else:
                    raise refusal
            attempt += 1

    def place(self, task: Task, api_version: str, kind: str) -> Place:
        """Where this kind's objects are; asked for once a life. Raises KindMissingError when there is no such kind."""
        with self._lock:
            known = self._places.get(api_version, {}).get(kind)
        if known is None:
            root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            try:
                listed = self.send(task, Request("GET", root))["resources"]
            except ApiError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
                listed = []
            # Names with a slash are parts of an object, as pods/log.
            found = {
                each["kind"]: Place(root, each["name"], bool(each["namespaced"]))
                for each in listed
                if "/" not in each["name"]
            }
            with self._lock:
                self._places[api_version] = found
            known = found.get(kind)
        if known is None:
            raise KindMissingError(
                f"can't {task.what}: the API server has no kind {kind} in {api_version}; install its "
                "CustomResourceDefinition first (depends_on), or correct apiVersion and kind"
            )
        return known

    def _connected(self) -> tuple[Target, Login, urllib3.PoolManager]:
        with self._lock:
            if self._connection is None:
                target = choose(self._choice)
                login = Login(target)
                name = target.cluster.get("tls-server-name")
                checked = {"server_hostname": name, "assert_hostname": name} if name else {}
                pool = urllib3.PoolManager(
                    maxsize=CONNECTIONS, block=True, ssl_context=login.tls(), timeout=REQUEST_TIMEOUT, **checked
                )
                self._connection = (target, login, pool)
            return self._connection

    def _exchange(self, request: Request) -> urllib3.BaseHTTPResponse:
        target, login, pool = self._connected()
        query = f"?{urlencode(request.query)}" if request.query else ""
        return pool.request(
            request.method,
            target.server + request.path + query,
            body=None if request.body is None else json.dumps(request.body),
            headers={"Accept": "application/json", "Content-Type": request.content_type, **login.headers()},
            retries=False,
        )

    def _pause(self, task: Task, seconds: float, why: str, status: int) -> None:
        try:
            task.pause(seconds, why)
        except PluginError as error:
            raise ApiError(str(error), status) from error


def _is_final(error: Exception) -> bool:
    """Whether trying again can't help: a certificate or a name is wrong."""
    wrong = (urllib3.exceptions.NameResolutionError, urllib3.exceptions.LocationValueError)
    return isinstance(error, wrong) or any(isinstance(part, SSLCertVerificationError) for part in error.args)


def _cause(error: Exception) -> str:
    """The last part of urllib3's long texts."""
    return str(error).rsplit(": ", 1)[-1]


def _said(response: urllib3.BaseHTTPResponse) -> str:
    return f"the API server says {response.status} {_status(response).get('message') or response.reason or ''}".strip()


def _status(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    """The ``Status`` object of an answer, or nothing where something else answered than an API server."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _refusal(task: Task, response: urllib3.BaseHTTPResponse) -> ApiError:
    try:
        advice = ADVICE.get(HTTPStatus(response.status), "")
    except ValueError:
        advice = ""
    text = f"can't {task.what}: {_said(response)}" + (f"; {advice}" if advice else "")
    return ApiError(text, response.status, str(_status(response).get("reason", "")))
