"""A cluster's API server, as commands on projects need it. Beside the locks' ``lease_api`` none imports its client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import urllib3.exceptions
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from codeopen.environment.cluster_settings import ClusterSettings
from codeopen.errors import ClusterError
from codeopen.platform.cluster.objects import MANAGED_BY
from codeopen.platform.projects.workspace import PROJECT_LABEL, Workspace, why_not_ready, workspaces

REACHABLE_SECONDS: Final = 120.0
_SELECTOR: Final = ",".join([*(f"{key}={value}" for key, value in MANAGED_BY.items()), PROJECT_LABEL])
_PAGE: Final = 500
_TIMEOUT: Final = 30
_POLL_SECONDS: Final = 1.0


class ClusterApi:
    """The API server that an environment's settings choose: its kubeconfig (a path, or the content) and context.

    Without a kubeconfig it is the usual one: KUBECONFIG, else ``~/.kube/config``.
    """

    def __init__(self, settings: ClusterSettings) -> None:
        try:
            self._client = _connect(settings)
        except (config.ConfigException, yaml.YAMLError, OSError) as error:
            raise ClusterError(f"the cluster's kubeconfig can't be used ({error}); see codeopen:cluster") from error
        self._core = client.CoreV1Api(self._client)
        self._apps = client.AppsV1Api(self._client)

    def workspaces(self) -> dict[str, Workspace]:
        """Every project with a workload, by id: two lists, however many there are. Raises ClusterError."""
        return workspaces(
            self._list(self._apps.list_stateful_set_for_all_namespaces, label_selector=_SELECTOR),
            self._list(self._core.list_pod_for_all_namespaces, label_selector=PROJECT_LABEL),
        )

    def revision_created(self, workspace: Workspace) -> datetime:
        """When what a new pod would be was made. Raises ClusterError."""
        with _told(f"revision {workspace.revision}"):
            revision: Any = self._apps.read_namespaced_controller_revision(
                workspace.revision, workspace.namespace, _request_timeout=_TIMEOUT
            )
        created: datetime = revision.metadata.creation_timestamp
        return created

    def delete_pod(self, workspace: Workspace) -> None:
        """End the pod, and only this one; its controller starts another. A disruption budget doesn't keep it."""
        if workspace.pod is None:
            return
        metadata = workspace.pod["metadata"]
        options = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid=metadata["uid"]))
        with _told(f"pod {workspace.namespace}/{metadata['name']}", gone_is_fine=True):
            self._core.delete_namespaced_pod(
                metadata["name"], workspace.namespace, body=options, _request_timeout=_TIMEOUT
            )

    def delete_namespace(self, namespace: str, seconds: float) -> None:
        """Delete a namespace with all that is in it, and wait until it is gone. Raises ClusterError."""
        deadline = time.monotonic() + seconds
        with _told(f"namespace {namespace}", gone_is_fine=True):
            self._core.delete_namespace(namespace, _request_timeout=_TIMEOUT)
            while time.monotonic() < deadline:
                self._core.read_namespace(namespace, _request_timeout=_TIMEOUT)  # ends this with 404
                time.sleep(_POLL_SECONDS)
            raise ClusterError(f"namespace {namespace}: still there after {seconds:.0f} s; see its conditions")

    def wait_until(
        self,
        good: Callable[[Workspace], bool],
        projects: Iterable[str],
        seconds: float,
        stopped: Callable[[], bool] = lambda: False,
    ) -> dict[str, str]:
        """Wait until projects are as they should be. Returns those that aren't in time, and why not."""
        wanted, deadline = set(projects), time.monotonic() + seconds
        while wanted:
            try:
                found = self.workspaces()
            except ClusterError as error:  # it may be restarting
                found, reasons = {}, dict.fromkeys(sorted(wanted), str(error))
            else:
                wanted = {name for name in wanted if name not in found or not good(found[name])}
                reasons = {}
            if wanted and (stopped() or time.monotonic() > deadline):
                return reasons or {name: self._why(found.get(name)) for name in sorted(wanted)}
            time.sleep(_POLL_SECONDS if wanted else 0)
        return {}

    def wait_reachable(self, seconds: float = REACHABLE_SECONDS) -> None:
        """Return once the API server answers, or after so many seconds: who asked finds out then."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                self._apps.list_stateful_set_for_all_namespaces(limit=1, _request_timeout=_TIMEOUT)
            except ApiException as error:
                if error.status not in {0, HTTPStatus.TOO_MANY_REQUESTS} and error.status < HTTPStatus.BAD_GATEWAY:
                    return  # it refuses, so it works
            except (urllib3.exceptions.HTTPError, OSError):
                pass
            else:
                return
            time.sleep(_POLL_SECONDS)

    def _why(self, workspace: Workspace | None) -> str:
        if workspace is None:
            return "it has no workload; is its stack applied?"
        if workspace.ready:
            return "its pod is not the newest yet"
        return why_not_ready(workspace, self._list(self._core.list_namespaced_event, workspace.namespace))

    def _list(self, ask: Callable[..., Any], *words: str, **query: str) -> list[dict[str, Any]]:
        """All items of a list as plain JSON values, page by page."""
        items: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        plain: Any = self._client.sanitize_for_serialization
        with _told(ask.__name__.replace("_", " ")):
            while True:
                answer = ask(*words, limit=_PAGE, _request_timeout=_TIMEOUT, **query, **more)
                items += plain(answer.items)
                if not answer.metadata._continue:  # noqa: SLF001 - `continue` is a word of Python
                    return items
                more = {"_continue": answer.metadata._continue}  # noqa: SLF001


@contextmanager
def _told(what: str, *, gone_is_fine: bool = False) -> Iterator[None]:
    """Errors of the client as ClusterError."""
    try:
        yield
    except ApiException as error:
        if not (gone_is_fine and error.status == HTTPStatus.NOT_FOUND):
            raise ClusterError(
                f"{what}: the API server says {error.status} {error.reason}; may you do this?"
            ) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        cause = str(error).rsplit(": ", 1)[-1]
        raise ClusterError(f"{what}: the API server doesn't answer ({cause}); see codeopen:cluster") from error


def _connect(settings: ClusterSettings) -> client.ApiClient:
    given, context = settings.kubeconfig, settings.context or None
    untyped: Any = config
    connected: client.ApiClient
    if "\n" in given or given.lstrip().startswith("{"):
        connected = untyped.new_client_from_config_dict(yaml.safe_load(given), context, persist_config=False)
    else:
        file = str(Path(given).expanduser()) if given else None
        connected = untyped.new_client_from_config(file, context, persist_config=False)
    return connected
