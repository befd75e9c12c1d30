"""A proxy on the loopback address that counts what goes to and comes from a registry, whoever the client is."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

_CHUNK: Final = 1 << 18
_REQUEST: Final = b" HTTP/1.1\r\n"


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests, and bytes to and from the registry."""

    requests: int
    sent: int
    received: int

    def __sub__(self, other: Traffic) -> Traffic:
        return Traffic(self.requests - other.requests, self.sent - other.sent, self.received - other.received)


class CountingProxy:
    """Forwards connections to a port of this machine. Every client goes through it, so that counting is fair."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._requests = self._sent = self._received = 0

    @property
    def traffic(self) -> Traffic:
        with self._lock:
            return Traffic(self._requests, self._sent, self._received)

    def serve(self) -> None:
        """Accept until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                upstream = socket.create_connection(("127.0.0.1", self._target))
                for one, other, up in ((client, upstream, True), (upstream, client, False)):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=self._forward, args=(one, other, up), daemon=True).start()

    def close(self) -> None:
        # Closing alone does not wake who accepts.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _forward(self, source: socket.socket, target: socket.socket, up: bool) -> None:  # noqa: FBT001
        with suppress(OSError), closing(source):
            while data := source.recv(_CHUNK):
                with self._lock:
                    if up:
                        self._sent += len(data)
                        self._requests += data.count(_REQUEST)
                    else:
                        self._received += len(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def counting(target: int) -> Iterator[CountingProxy]:
    """A running proxy in front of a port."""
    proxy = CountingProxy(target)
    threading.Thread(target=proxy.serve, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.close()
