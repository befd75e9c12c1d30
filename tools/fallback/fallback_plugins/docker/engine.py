"""The connection to the Docker Engine, and its errors in the plugin's words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from provider.protocol.errors import PluginError

DEFAULT_HOST = "unix:///var/run/docker.sock"

REQUEST_SECONDS = 1200
"""The official plugin's time limit for one resource: 20 minutes."""

NOT_FOUND = 404
CONFLICT = 409


class ObjectMissingError(PluginError):
    """The Engine has no such object."""


class ConflictError(PluginError):
    """The object is in use, or its name is taken."""


class Engine:
    """One Docker Engine, connected to when it is first needed."""

    def __init__(self) -> None:
        self._host = ""
        self._client: Any = None  # an APIClient, whose stubs are incomplete
        self._lock = Lock()

    def configure(self, host: str) -> None:
        """Take the address from the provider's configuration; empty means DOCKER_HOST or the local socket."""
        with self._lock:
            self._host, self._client = host, None

    @property
    def host(self) -> str:
        return self._host or os.environ.get("DOCKER_HOST", "") or DEFAULT_HOST

    @contextmanager
    def calling(self, task: str) -> Iterator[Any]:
        """The Engine's API; what it refuses becomes a PluginError that begins with "can't ``task``"."""
        from docker.errors import APIError, DockerException  # noqa: PLC0415 - slow: only where it is used
        from requests.exceptions import RequestException  # noqa: PLC0415 - as above

        try:
            yield self._connected()
        except APIError as error:
            raise _translated(task, error) from error
        except (DockerException, RequestException) as error:
            raise PluginError(
                f"can't {task}: no Docker Engine answers at {self.host} ({error}); start it, or set docker:host"
            ) from error

    def _connected(self) -> Any:
        # Here, because it takes 0.3 s and a preview without changes never needs it.
        from docker import APIClient  # noqa: PLC0415 - see above

        with self._lock:
            if self._client is None:
                self._client = APIClient(base_url=self.host, version="auto", timeout=REQUEST_SECONDS)
            return self._client


def _translated(task: str, error: Any) -> PluginError:
    status = error.response.status_code if error.response is not None else 0
    text = f"can't {task}: {error.explanation or error}"
    if status == NOT_FOUND:
        return ObjectMissingError(text)
    if status == CONFLICT:
        return ConflictError(text)
    return PluginError(text)


def found(look_up: Callable[[], Any]) -> Any | None:
    """What the look-up gives, or ``None`` when the Engine has no such object."""
    try:
        return look_up()
    except ObjectMissingError:
        return None
