"""The API server of a cluster, as the locks need it: Lease objects of one namespace, by one version or not at all."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import urllib3.exceptions
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from codeopen.images.locks.key_files import now
from codeopen.images.locks.lease_state import LABELS, Found, read_lease
from codeopen.images.locks.lock import LockError

# Before each try of a request: long enough for an API server that restarts.
PAUSES: Final = (0.0, 0.1, 0.3, 1.0, 2.0, 4.0, 4.0)
ONCE: Final = (0.0,)

_TIMEOUT: Final = (2, 3)  # to connect, and to answer: several tries are to fit into a lease
_PAGE: Final = 100
_IN_A_POD: Final = "KUBERNETES_SERVICE_HOST"
_VERBS: Final = {"GET": "get", "POST": "create", "PUT": "update", "DELETE": "delete"}
_WHAT_TO_DO: Final = "see that kubeconfig and context, or the pod's service account, are as they should be"
_RIGHTS: Final = "give its account the role of docs/how-to/have-a-combination-made.md"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content: Any


class LeaseApi:
    """Requests, again within a limit where the API server doesn't answer or has too much to do.

    ``kubeconfig`` is a file; without it, it is the usual one, else the service account of the pod that this runs in.
    All methods raise LockError.
    """

    def __init__(self, namespace: str, kubeconfig: str = "", pauses: Sequence[float] = PAUSES) -> None:
        self.namespace = namespace
        self._kubeconfig = kubeconfig
        self._pauses = pauses
        self._server_time = (time.time(), now())
        self._connect()

    @property
    def place(self) -> str:
        """Where the locks are, for people."""
        return f"Kubernetes at {self._client.configuration.host}, namespace {self.namespace}"

    def server_now(self) -> float:
        """The API server's clock, to about a second, in seconds since the epoch."""
        date, at = self._server_time
        return date + now() - at

    def read(self, step: str, name: str, pauses: Sequence[float] | None = None) -> Found | None:
        """An object; ``None`` where there is none."""
        answer = self._request(step, "GET", f"/{name}", pauses=pauses)
        return read_lease(answer.content, self.place) if answer.status == HTTPStatus.OK else None

    def write(self, step: str, manifest: Mapping[str, Any], pauses: Sequence[float] | None = None) -> Found | None:
        """Make an object or, where the manifest has a version, replace that version.

        ``None`` where it is there, or isn't of that version (any more). Where an answer got lost, it may be our own.
        """
        metadata = manifest["metadata"]
        if "resourceVersion" in metadata:
            answer = self._request(step, "PUT", f"/{metadata['name']}", body=manifest, pauses=pauses)
        else:
            answer = self._request(step, "POST", "", body=manifest, pauses=pauses)
            if answer.status == HTTPStatus.NOT_FOUND:
                text = (
                    f"the namespace {self.namespace} is not there; make it, or name another in CODEOPEN_LOCK_NAMESPACE"
                )
                raise LockError(f"{self.place}: {step}: {text}")
        done = answer.status in {HTTPStatus.OK, HTTPStatus.CREATED}
        return read_lease(answer.content, self.place) if done else None

    def list(self, step: str) -> Iterator[Found]:
        """All locks of the namespace."""
        selector = ",".join(f"{name}={value}" for name, value in LABELS.items())
        more = ""
        while True:
            query = [("labelSelector", selector), ("limit", str(_PAGE)), *([("continue", more)] if more else [])]
            content = self._request(step, "GET", "", query=query).content
            for item in content.get("items", ()):
                yield read_lease(item, self.place)
            more = content.get("metadata", {}).get("continue", "")
            if not more:
                return

    def delete(self, step: str, found: Found) -> None:
        """Delete an object, unless it changed since."""
        options = {"preconditions": {"uid": found.version.uid, "resourceVersion": found.version.number}}
        self._request(step, "DELETE", f"/{found.name}", body=options)

    def _connect(self) -> None:
        untyped: Any = config
        self._process = os.getpid()
        configuration = client.Configuration()
        configuration.retries = False  # tries are counted here
        try:
            if not self._kubeconfig and _IN_A_POD in os.environ and not _has_kubeconfig():
                untyped.load_incluster_config(client_configuration=configuration)
            else:
                untyped.load_kube_config(
                    config_file=self._kubeconfig or None, client_configuration=configuration, persist_config=False
                )
        except (config.ConfigException, yaml.YAMLError, OSError) as error:
            raise LockError(f"--lock kubernetes: no cluster is chosen ({error}); {_WHAT_TO_DO}") from error
        self._client: Any = client.ApiClient(configuration)

    def _request(  # noqa: PLR0913 - what a request has
        self,
        step: str,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Sequence[tuple[str, str]] = (),
        pauses: Sequence[float] | None = None,
    ) -> _Answer:
        """The answer of a request that was done, that found nothing, or that came second (409)."""
        failed = ""
        for pause in self._pauses if pauses is None else pauses:
            time.sleep(pause)
            try:
                answer = self._ask(method, path, body, query)
            except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
                failed = _last_cause(error)
                continue
            if answer.status in {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                return answer
            failed = f"{answer.status} {_message(answer.content)}"
            if answer.status == HTTPStatus.FORBIDDEN:
                verb = "list" if query else _VERBS[method]
                raise LockError(f"{self.place}: {step}: it may not {verb} leases ({failed}); {_RIGHTS}")
            if answer.status != HTTPStatus.TOO_MANY_REQUESTS and answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                break
        raise LockError(f"{self.place}: {step}: {failed}; {_WHAT_TO_DO}, then run again")

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None, query: Sequence[tuple[str, str]]) -> _Answer:
        if self._process != os.getpid():
            self._connect()  # a forked child must not speak on its parent's connections
        words = self._client.param_serialize(
            method,
            f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases{path}",
            query_params=list(query),
            header_params={"Accept": "application/json", "Content-Type": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
        )
        response = self._client.call_api(*words, _request_timeout=_TIMEOUT)
        content = response.read()
        if date := response.headers.get("Date"):
            self._server_time = (parsedate_to_datetime(date).timestamp(), now())
        try:
            return _Answer(response.status, json.loads(content))
        except ValueError:
            if response.status == HTTPStatus.OK:
                raise ApiException(reason="what answers is no API server") from None
            return _Answer(response.status, {})


def _has_kubeconfig() -> bool:
    return bool(os.environ.get("KUBECONFIG")) or Path("~/.kube/config").expanduser().exists()


def _message(content: Any) -> str:
    return str(content.get("message", "")) if isinstance(content, dict) else ""


def _last_cause(error: Exception) -> str:
    text = error.reason if isinstance(error, ApiException) else str(error).rsplit(": ", 1)[-1]
    return " ".join(f"it doesn't answer ({text})".split())
