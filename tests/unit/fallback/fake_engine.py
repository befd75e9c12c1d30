"""A stand-in for the Docker Engine's API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fallback_plugins.docker.engine import ConflictError, Engine, ObjectMissingError
from provider.protocol.errors import PluginError


class FakeDocker:
    """The calls of the Docker API that the container type makes, with failures to order."""

    def __init__(
        self,
        *,
        fail: dict[str, PluginError] | None = None,
        health: tuple[str, ...] = ("healthy",),
        running: bool = True,
    ) -> None:
        self.calls: list[str] = []
        self.arguments: dict[str, Any] = {}
        self._fail = dict(fail or {})
        self._health = list(health)
        self._running = running

    def _call(self, name: str, *arguments: Any) -> None:
        self.calls.append(name)
        self.arguments[name] = arguments
        if error := self._fail.get(name):
            raise error

    def create_container_from_config(self, config: Any, name: str) -> Any:
        self._call("create", config, name)
        return {"Id": "id-1"}

    def disconnect_container_from_network(self, identifier: str, network: str) -> None:
        self._call("disconnect", identifier, network)

    def connect_container_to_network(self, identifier: str, network: str, **options: Any) -> None:
        self._call("connect", identifier, network, options)

    def put_archive(self, identifier: str, path: str, data: bytes) -> None:
        self._call("upload", identifier, path, data)

    def start(self, identifier: str) -> None:
        self._call("start", identifier)

    def stop(self, identifier: str, timeout: int) -> None:
        self._call("stop", identifier, timeout)

    def remove_container(self, identifier: str, *, v: bool, force: bool) -> None:
        self._call("remove", identifier, v, force)

    def update_container(self, identifier: str, **arguments: Any) -> None:
        self._call("update", identifier, arguments)

    def inspect_container(self, identifier: str) -> Any:
        self._call("inspect", identifier)
        status = self._health.pop(0) if len(self._health) > 1 else self._health[0]
        health = {"Status": status, "Log": [{"Output": "refused\n"}]} if status else None
        return inspected_container(Health=health, Running=self._running, ExitCode=3)


class FakeEngine(Engine):
    """An Engine whose client is a fake."""

    def __init__(self, client: Any) -> None:
        super().__init__()
        self._fake = client

    @contextmanager
    def calling(self, task: str) -> Iterator[Any]:
        del task
        yield self._fake


def inspected_container(**state: Any) -> dict[str, Any]:
    """A running container as the Engine describes it, limited to what the plugin reads."""
    return {
        "Id": "id-1",
        "Name": "/app",
        "State": {"Running": True, "ExitCode": 0, **state},
        "Config": {"Hostname": "id-1"},
        "HostConfig": {
            "Memory": 64 * 1024 * 1024,
            "MemoryReservation": 0,
            "MemorySwap": 128 * 1024 * 1024,
            "CpuShares": 0,
            "CpusetCpus": "",
            "CpuPeriod": 0,
            "CpuQuota": 0,
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        },
        "NetworkSettings": {
            "Ports": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32768"}]},
            "Networks": {
                "net": {
                    "NetworkID": "net-id",
                    "Aliases": ["app", "id-1"],
                    "IPAddress": "10.0.0.2",
                    "IPPrefixLen": 16,
                    "Gateway": "10.0.0.1",
                    "MacAddress": "02:42:0a:00:00:02",
                }
            },
        },
    }


MISSING = ObjectMissingError("No such image")
CONFLICT = ConflictError('can\'t create the container app: the name "/app" is already in use by container "0ld"')
